import pickle
from pathlib import Path

import pytest

from asrtools.errors import DataError
from asrtools.text.sentencepiece_tokenizer import SentencepiecesTokenizer


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = tmp_path_factory.mktemp("pieces")
    lines = [f"{a} {b} 你好世界" for a in ("hello", "help", "held") for b in ("world", "word", "work")]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines * 5), model_prefix=str(folder / "bpe"), vocab_size=40, model_type="bpe"
    )
    return folder / "bpe.model"


def test_text_and_ids_there_and_back(model: Path) -> None:
    tokenizer = SentencepiecesTokenizer(str(model), unk_symbol="<unk>", split_with_space=True)
    ids = tokenizer.encode("hello world 你好")
    tokens = tokenizer.text2tokens("hello world 你好")
    assert tokens[0].startswith("▁")
    assert tokenizer.ids2tokens(ids) == tokens
    assert tokenizer.tokens2ids(tokens) == ids
    assert tokenizer.decode(ids) == tokenizer.tokens2text(tokens) == "hello world 你好"
    assert len(tokenizer.token_list) == tokenizer.get_vocab_size() == 40


def test_nothing_is_no_text(model: Path) -> None:
    tokenizer = SentencepiecesTokenizer(model)
    assert tokenizer.decode([]) == ""
    assert tokenizer.encode("") == tokenizer.ids2tokens([]) == tokenizer.tokens2ids([]) == []


def test_it_travels_to_other_processes(model: Path) -> None:
    tokenizer = SentencepiecesTokenizer(model)
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.encode("hello") == tokenizer.encode("hello")


def test_a_file_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"bpemodel is null"):
        SentencepiecesTokenizer(None)
    with pytest.raises(DataError, match=r"bpe.model: no such file"):
        SentencepiecesTokenizer(tmp_path / "bpe.model")
    (tmp_path / "bpe.model").write_bytes(b"not a model")
    with pytest.raises(DataError, match=r"bpe.model: is damaged"):
        SentencepiecesTokenizer(tmp_path / "bpe.model")


def test_the_pieces_of_a_published_fixture(oracle: Path) -> None:
    tokenizer = SentencepiecesTokenizer(oracle / "sensevoice_ts" / "bpe.model")
    assert tokenizer.ids2tokens([3, 12]) == ["<|zh|>", "<|NEUTRAL|>"]
    assert tokenizer.tokens2ids(["<|zh|>", "望"])[0] == 3
