"""Pairs to score, and NIST's programs where they are installed (Debian: sctk; tests/run.sh --install)."""

import random
import shutil
from collections.abc import Callable

import pytest

HAN = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方"
WORDS = ["the", "a", "model", "of", "speech", "to", "error", "rate", "we", "that", "it's", "in", "data", "for", "state"]

Pair = tuple[list[str], list[str]]


@pytest.fixture(scope="session")
def sctk() -> str:
    found = shutil.which("sctk")
    if found is None:
        pytest.skip("sctk is not installed (Debian package sctk; bash tests/run.sh --install)")
    return found


@pytest.fixture(scope="session")
def make_pairs() -> Callable[..., list[Pair]]:
    """References in Chinese, English and both, and hypotheses with errors at many rates."""

    def make(count: int, seed: int) -> list[Pair]:
        draw = random.Random(seed)
        pairs = []
        for index in range(count):
            vocabulary = [list(HAN), WORDS, [*HAN[:20], *WORDS]][index % 3]
            ref = [draw.choice(vocabulary) for _ in range(draw.choice((1, 3, 8, 14, 30)))]
            rate = draw.choice((0.0, 0.05, 0.15, 0.3))
            hyp: list[str] = []
            for unit in ref:
                chance = draw.random()
                if chance >= rate / 4:
                    hyp.append(unit if chance >= rate * 0.8 else draw.choice(vocabulary))
                if rate * 0.8 <= chance < rate:
                    hyp.append(draw.choice(vocabulary))
            pairs.append((ref, hyp))
        return pairs

    return make
