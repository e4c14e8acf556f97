"""The search against looking at all texts of tiny examples."""

import itertools
import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from asrtools.layers.beam_search import Found, SearchSettings, Voice, beam_search
from asrtools.layers.ctc_prefix_score import CtcPrefixes

BLANK, SOS, EOS = 0, 1, 2
VOCAB = 5
WIDE = 1000


@dataclass(frozen=True)
class Past:
    texts: tuple[tuple[int, ...], ...]

    def pick(self, rows: Tensor) -> "Past":
        return Past(tuple(self.texts[row] for row in rows.tolist()))


class Memory:
    """Log-probabilities that depend on all that was said, drawn at random."""

    def __init__(self, seed: int):
        self.seed = seed

    def after(self, text: tuple[int, ...]) -> Tensor:
        number = self.seed
        for token in text:
            number = number * VOCAB + token + 1
        return (2 * torch.randn(VOCAB, generator=torch.Generator().manual_seed(number))).log_softmax(-1)

    def step(self, tokens: Tensor, state: Past) -> tuple[Tensor, Past]:
        texts = tuple((*text, token) for text, token in zip(state.texts, tokens.tolist(), strict=True))
        return torch.stack([self.after(text) for text in texts]), Past(texts)


def voice(seed: int, weight: float = 1.0, name: str = "decoder") -> Voice:
    return Voice(name, weight, Memory(seed), Past(((),)))


def score_of(memory: Memory, text: tuple[int, ...], with_end: bool = True) -> float:
    said = (SOS, *text)
    total = sum(float(memory.after(said[:i])[said[i]]) for i in range(1, len(said)))
    return total + (float(memory.after(said)[EOS]) if with_end else 0.0)


def settings(**changes: float) -> SearchSettings:
    return SearchSettings(**{"sos": SOS, "eos": EOS, "beam_size": WIDE, "max_len_ratio": -4, **changes})


def without_end(found: Found) -> tuple[int, ...]:
    return tuple(token for token in found.ids if token != EOS)


@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_best_text_of_all(seed: int) -> None:
    memory = Memory(seed)
    # texts of up to 3 tokens end by themselves; with 4 the search stops, and no end is scored
    tokens = [token for token in range(VOCAB) if token != EOS]
    scored = {text: score_of(memory, text) for n in range(4) for text in itertools.product(tokens, repeat=n)}
    scored |= {text: score_of(memory, text, with_end=False) for text in itertools.product(tokens, repeat=4)}
    best = sorted(scored, key=lambda text: -scored[text])
    found = beam_search(10, [voice(seed)], None, settings())
    assert [without_end(one) for one in found[:3]] == best[:3]
    assert math.isclose(found[0].score, scored[best[0]], rel_tol=1e-5)
    assert math.isclose(sum(found[0].token_scores), found[0].score, rel_tol=1e-5)


@pytest.mark.parametrize("weight", [1.0, 0.4])
def test_ctc_alone_and_together_find_the_best_text_of_all(weight: float) -> None:
    num_frames = 4
    log_probs = (2 * torch.randn(num_frames, VOCAB, generator=torch.Generator().manual_seed(3))).log_softmax(-1)
    memory = Memory(11)
    of_text: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(VOCAB), repeat=num_frames):
        text = tuple(token for token, _ in itertools.groupby(path) if token != BLANK)
        if EOS not in text:
            probability = math.exp(sum(float(log_probs[t, token]) for t, token in enumerate(path)))
            of_text[text] = of_text.get(text, 0.0) + probability
    scored = {
        text: weight * math.log(p) + (1 - weight) * score_of(memory, text)
        for text, p in of_text.items()
        if len(text) < num_frames
    }
    best = sorted(scored, key=lambda text: -scored[text])[:4]
    voices = [] if weight == 1 else [voice(11, 1 - weight)]
    wide = settings(ctc_weight=weight, max_len_ratio=2, preselects=False)
    found = beam_search(num_frames, voices, CtcPrefixes.empty(log_probs, BLANK, EOS), wide)
    found = [one for one in found if len(without_end(one)) < num_frames]
    assert [without_end(one) for one in found[:4]] == best
    assert math.isclose(found[0].score, scored[best[0]], rel_tol=1e-5)
    assert "ctc" in found[0].parts


def test_two_voices_add_up() -> None:
    found = beam_search(10, [voice(1, 0.7), voice(2, 0.3, "lm")], None, settings())
    text = without_end(found[0])
    ends = found[0].ids.count(EOS) == 1 and len(text) < 4
    wanted = 0.7 * score_of(Memory(1), text, ends) + 0.3 * score_of(Memory(2), text, ends)
    assert math.isclose(found[0].score, wanted, rel_tol=1e-5)
    assert set(found[0].parts) == {"decoder", "lm"}


def test_token_scores_are_log_probabilities_whatever_else_has_a_say() -> None:
    deaf = Voice("lm", 5.0, Memory(2), Past(((),)), hears=False)
    found = beam_search(10, [voice(1, 0.5), deaf], None, settings(penalty=9.0))[0]
    text = without_end(found)
    said = (SOS, *text)
    wanted = [float(Memory(1).after(said[:i])[said[i]]) for i in range(1, len(said))]
    assert list(found.token_scores[: len(text)]) == pytest.approx(wanted, rel=1e-5)


def test_a_voice_of_weight_0_is_not_asked() -> None:
    class Silent:
        def step(self, tokens: Tensor, state: Past) -> tuple[Tensor, Past]:
            raise AssertionError("asked")

    found = beam_search(10, [voice(1), Voice("lm", 0.0, Silent(), None)], None, settings())
    assert found[0].ids == beam_search(10, [voice(1)], None, settings())[0].ids


def test_lengths_follow_the_ratios() -> None:
    def lengths(**changes: float) -> list[int]:
        return [len(without_end(one)) for one in beam_search(10, [voice(5)], None, settings(beam_size=20, **changes))]

    assert max(lengths(max_len_ratio=0.3)) == 3
    assert max(lengths(max_len_ratio=-2)) == 2
    assert min(lengths(max_len_ratio=0.6, min_len_ratio=0.4)) == 4
    assert min(lengths(max_len_ratio=0.6)) == 0
    assert min(lengths(max_len_ratio=0.2, min_len_ratio=5.0)) == 1  # more than the longest: the longest but one


def test_a_penalty_makes_texts_longer() -> None:
    by_penalty = [
        len(without_end(beam_search(8, [voice(5)], None, settings(max_len_ratio=1, penalty=penalty, beam_size=20))[0]))
        for penalty in (-3.0, 0.0, 3.0)
    ]
    assert by_penalty == sorted(by_penalty)
    assert by_penalty[0] < by_penalty[-1]


def test_a_beam_of_one_gives_one_text() -> None:
    assert len(beam_search(6, [voice(3)], None, settings(beam_size=1, max_len_ratio=1))) == 1


def test_a_beam_wider_than_the_vocabulary_is_no_error() -> None:
    log_probs = torch.zeros(3, VOCAB).log_softmax(-1)
    found = beam_search(
        3, [voice(3, 0.5)], CtcPrefixes.empty(log_probs, BLANK, EOS), settings(ctc_weight=0.5, max_len_ratio=0)
    )
    assert found


def test_where_ctc_finds_nothing_possible_there_is_still_a_text() -> None:
    log_probs = torch.randn(2, VOCAB, generator=torch.Generator().manual_seed(1)).log_softmax(-1)
    found = beam_search(
        2, [voice(3, 0.5)], CtcPrefixes.empty(log_probs, BLANK, EOS), settings(ctc_weight=0.5, beam_size=1)
    )
    assert len(found) == 1
