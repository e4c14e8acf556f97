"""SentencepiecesTokenizer: the pieces of a sentencepiece model."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrtools.errors import DataError
from asrtools.register import tables

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor


@tables.register("tokenizer_classes", "SentencepiecesTokenizer")
class SentencepiecesTokenizer:
    """`bpemodel` names the model file; `token_list`, `unk_symbol` and `split_with_space` of published configs change
    nothing, for that file says it all."""

    def __init__(
        self,
        bpemodel: str | Path | None = None,
        token_list: str | Path | list | None = None,
        unk_symbol: str = "<unk>",
        split_with_space: bool = False,
    ):
        if bpemodel is None:
            raise DataError("tokenizer_conf.bpemodel is null; it should name the sentencepiece model (bpe.model)")
        self.bpemodel = str(bpemodel)
        self.unk_symbol = unk_symbol
        self.get_vocab_size()  # a file that cannot be used is found out here

    @cached_property
    def processor(self) -> "SentencePieceProcessor":
        from sentencepiece import SentencePieceProcessor

        if not Path(self.bpemodel).is_file():
            raise DataError(f"{self.bpemodel}: no such file; the sentencepiece model is expected there")
        try:
            return SentencePieceProcessor(model_file=self.bpemodel)
        except (RuntimeError, OSError) as error:
            cause = str(error).splitlines()[0]
            raise DataError(
                f"{self.bpemodel}: is damaged or no sentencepiece model ({cause}); fetch it again"
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "processor"}

    @property
    def token_list(self) -> list[str]:
        return self.ids2tokens(range(self.get_vocab_size()))

    def get_vocab_size(self) -> int:
        return self.processor.get_piece_size()

    def text2tokens(self, text: str) -> list[str]:
        return self.processor.encode(text, out_type=str)

    def tokens2text(self, tokens: Iterable[str]) -> str:
        return self.processor.decode(list(tokens))

    def tokens2ids(self, tokens: Iterable[str]) -> list[int]:
        return self.processor.piece_to_id(list(tokens))

    def ids2tokens(self, ids: Sequence[int]) -> list[str]:
        return self.processor.id_to_piece(list(ids))

    def encode(self, text: str) -> list[int]:
        return self.processor.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        return self.processor.decode(list(ids))
