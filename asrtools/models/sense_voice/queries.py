"""What SenseVoice is asked in front of the features, and what its likeliest tokens are read as; without torch."""

from collections.abc import Mapping

import numpy as np

from asrtools.errors import ConfigError
from asrtools.models.protocols import Decoded, Emission

# Rows of the embedding that the queries in front of the features are.
LANGUAGES = {"auto": 0, "zh": 3, "en": 4, "yue": 7, "ja": 11, "ko": 12, "nospeech": 13}
SYNONYMS = {"zn": "zh"}  # as a published document spells it
TAG_QUERIES = (1, 2)
ITN = {"withitn": 14, "woitn": 15}
NUM_ROWS = 16
NUM_QUERIES = 4  # language, the two of TAG_QUERIES, itn

# Ids of the tags in the published vocabulary of 25,055 pieces.
PUBLISHED_TAGS: Mapping[str, int] = {
    "zh": 24884,
    "en": 24885,
    "yue": 24888,
    "ja": 24892,
    "ko": 24896,
    "nospeech": 24992,
    "EMO_UNKNOWN": 25009,
    "withitn": 25016,
    "woitn": 25017,
}

# The queries come first, and a token is heard half a frame before the frame that says it.
SHIFT = -0.5


def language_row(name: str) -> int:
    """The row of the embedding for a language by name."""
    name = SYNONYMS.get(name or "auto", name or "auto")
    if name not in LANGUAGES:
        raise ConfigError(f"language is {name!r}; SenseVoiceSmall knows {', '.join(LANGUAGES)}")
    return LANGUAGES[name]


def itn_row(use_itn: bool) -> int:
    return ITN["withitn" if use_itn else "woitn"]


def read_path(best: np.ndarray, ids: np.ndarray, blank_id: int) -> Decoded:
    """The likeliest token of every frame, its log-probability [T] and id [T], each run of one token once."""
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    surest = np.maximum.reduceat(best, starts)
    is_token = ids[starts] != blank_id
    starts, surest = starts[is_token], surest[is_token]
    is_text = starts >= NUM_QUERIES
    return Decoded(
        tuple(ids[starts[is_text]].tolist()),
        float(best.sum()),
        tuple(surest[is_text].tolist()),
        None,
        tuple(ids[starts[~is_text]].tolist()),
    )


def emission(log_probs: np.ndarray, is_blank: np.ndarray) -> Emission:
    """What an alignment needs: of blank and of each token of the text [T, 1 + U].

    Blank is certain where it is the likeliest.
    """
    log_probs[is_blank, 0] = 0.0
    return Emission(log_probs, shift=SHIFT)
