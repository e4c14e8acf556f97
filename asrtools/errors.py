"""Failures that a user can act on: one sentence each, `where: what is wrong, with the value; what would be right`."""

import difflib
from collections.abc import Iterable


class AsrError(Exception):
    """Any expected failure; commands print it as one line and exit 1."""


class DataError(AsrError):
    """An input (a list, a recording, a feature file) cannot be used."""


class ConfigError(AsrError):
    """A configuration value or a name in it cannot be used."""


class UnknownKeyError(ConfigError):
    """A key that no component has."""

    def __init__(self, key: str, known: Iterable[str]):
        self.key, self.known = key, tuple(known)
        super().__init__(self.among(()))

    def among(self, more: Iterable[str], plus: str = "++") -> str:
        """The sentence, with the nearest of the keys there are and `more`."""
        near = difflib.get_close_matches(self.key, [*self.known, *more], n=1)
        return f"{plus}{self.key}: nothing that is loaded here knows it" + (
            f"; did you mean {plus}{near[0]}?" if near else ""
        )


class ModelError(AsrError):
    """A model directory or its parameters cannot be used."""


class HubError(AsrError):
    """Something could not be fetched."""
