"""seg_dict: how the words of a text are spelt in a model's tokens, one word and its tokens a line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asrtools.errors import DataError

# what is spelt character by character when the word itself is not listed
_SPELT = re.compile(r"[一-龥A-Za-z0-9]")


@dataclass(frozen=True, eq=False)
class SegDict:
    spelling: Mapping[str, tuple[str, ...]]
    unk_symbol: str = "<unk>"

    @classmethod
    def read(cls, path: str | Path) -> "SegDict":
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read ({error}); lines of a word and its tokens are expected") from error
        words = [line.split() for line in lines]
        return cls({word[0]: tuple(word[1:]) for word in words if word})

    def split(self, text: str) -> list[str]:
        """The tokens of a text, word by word, in lower case; what has no spelling is the unknown token."""
        return [token for word in text.split() for token in self.split_word(word)]

    def split_word(self, word: str) -> list[str]:
        word = word.lower()
        if word in self.spelling:
            return list(self.spelling[word])
        if not _SPELT.match(word):
            return [self.unk_symbol]
        return [token for char in word for token in self.spelling.get(char, (self.unk_symbol,))]
