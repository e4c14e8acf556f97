"""Failures that a user can act on: one sentence each, `where: what is wrong, with the value; what would be right`."""


class AsrError(Exception):
    """Any expected failure; commands print it as one line and exit 1."""


class DataError(AsrError):
    """An input (a list, a recording, a feature file) cannot be used."""


class ConfigError(AsrError):
    """A configuration value or a name in it cannot be used."""


class ModelError(AsrError):
    """A model directory or its parameters cannot be used."""


class HubError(AsrError):
    """Something could not be fetched."""
