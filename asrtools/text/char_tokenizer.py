"""CharTokenizer: a list of tokens, characters or `@@` pieces, and the ids their places in it give."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from asrtools.errors import DataError
from asrtools.register import tables
from asrtools.text.seg_dict import SegDict


@tables.register("tokenizer_classes", "CharTokenizer")
class CharTokenizer:
    """The published character tokenizer: a token a character, without spaces, or word by word through `seg_dict`.

    What the list has not becomes `unk_symbol`. `split_with_space` stands in published configs and changes nothing.
    """

    def __init__(
        self,
        token_list: str | Path | list | None = None,
        unk_symbol: str = "<unk>",
        space_symbol: str = "<space>",
        split_with_space: bool = False,
        seg_dict: str | Path | None = None,
        seg_dict_file: str | Path | None = None,
        non_linguistic_symbols: str | Path | list | None = None,
        remove_non_linguistic_symbols: bool = False,
    ):
        self.token_list = read_tokens(token_list)
        self.token2id = {token: index for index, token in enumerate(self.token_list)}
        if len(self.token2id) != len(self.token_list):
            twice = next(token for index, token in enumerate(self.token_list) if self.token2id[token] != index)
            raise DataError(f"{_name(token_list)}: token {twice!r} stands twice; every token should stand once")
        self.unk_symbol = unk_symbol
        self.unk_id = self.token2id.get(unk_symbol)
        self.space_symbol = space_symbol
        file = seg_dict or seg_dict_file
        self.seg_dict = SegDict.read(file) if file else None
        symbols = read_tokens(non_linguistic_symbols) if non_linguistic_symbols else []
        self.non_linguistic_symbols = tuple(sorted(symbols, key=len, reverse=True))
        self.remove_non_linguistic_symbols = remove_non_linguistic_symbols

    def get_vocab_size(self) -> int:
        return len(self.token_list)

    def text2tokens(self, text: str) -> list[str]:
        if self.seg_dict is not None:
            return self.seg_dict.split(text)
        tokens: list[str] = []
        while text:
            symbol = next((one for one in self.non_linguistic_symbols if text.startswith(one)), text[0])
            if symbol != " " and not (self.remove_non_linguistic_symbols and symbol in self.non_linguistic_symbols):
                tokens.append(symbol)
            text = text[len(symbol) :]
        return tokens

    def tokens2text(self, tokens: Iterable[str]) -> str:
        return "".join(" " if token == self.space_symbol else token for token in tokens)

    def tokens2ids(self, tokens: Iterable[str]) -> list[int]:
        ids = []
        for token in tokens:
            index = self.token2id.get(token, self.unk_id)
            if index is None:
                raise DataError(f"token {token!r} is not in the token list, and neither is {self.unk_symbol}")
            ids.append(index)
        return ids

    def ids2tokens(self, ids: Sequence[int]) -> list[str]:
        return [self.token_list[index] for index in ids]

    def encode(self, text: str) -> list[int]:
        return self.tokens2ids(self.text2tokens(text))

    def decode(self, ids: Sequence[int]) -> str:
        return self.tokens2text(self.ids2tokens(ids))


def read_tokens(source: str | Path | list | None) -> list[str]:
    """A token list: tokens.json (a list), tokens.txt (a token a line, `token id` too) or the list itself."""
    if source is None:
        raise DataError("no token list; tokenizer_conf.token_list should name one (tokens.json beside config.yaml)")
    if isinstance(source, list):
        return [str(token) for token in source]
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; the token list of the model is expected there") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error}); a token list is expected") from error
    if path.suffix == ".json":
        return _from_json(path, text)
    return _from_lines(text)


def _from_json(path: Path, text: str) -> list[str]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path}: is not JSON ({error}); a list of tokens is expected") from error
    if not isinstance(content, list):
        raise DataError(f"{path}: holds a {type(content).__name__}; a list of tokens is expected")
    return [str(token) for token in content]


def _from_lines(text: str) -> list[str]:
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if lines and not lines[-1]:
        lines.pop()
    split = [line.rsplit(maxsplit=1) for line in lines]
    is_numbered = len(lines) > 1 and all(len(one) == 2 and one[1] == str(i) for i, one in enumerate(split))
    return [one[0] for one in split] if is_numbered else lines


def _name(source: str | Path | list | None) -> str:
    return "token list" if isinstance(source, list) else str(source)
