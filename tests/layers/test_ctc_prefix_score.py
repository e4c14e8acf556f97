"""CTC's score of beginnings against the sum over all alignments of tiny examples."""

import itertools
import math

import torch

from asrtools.layers.ctc_prefix_score import IMPOSSIBLE, CtcPrefixes

BLANK, EOS = 0, 2
NUM_FRAMES, VOCAB = 5, 4


def log_probs(seed: int, num_frames: int = NUM_FRAMES) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(num_frames, VOCAB, generator=generator)).double().log_softmax(-1)


def text_of(alignment: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(token for token, _ in itertools.groupby(alignment) if token != BLANK)


def alignments(probs: torch.Tensor) -> list[tuple[tuple[int, ...], float]]:
    frames = probs.double().exp().tolist()
    return [
        (text_of(path), math.prod(frame[token] for frame, token in zip(frames, path, strict=True)))
        for path in itertools.product(range(VOCAB), repeat=len(frames))
    ]


def beginning(probs: torch.Tensor, text: tuple[int, ...]) -> CtcPrefixes:
    prefixes = CtcPrefixes.empty(probs, BLANK, EOS)
    for token in text:
        prefixes = prefixes.extend(torch.tensor([0]), torch.tensor([token]))
    return prefixes


def test_a_beginning_is_as_probable_as_all_texts_that_begin_so() -> None:
    for seed, text in itertools.product(range(3), [(), (1,), (1, 1), (1, 3), (3, 1, 1), (2, 3)]):
        probs = log_probs(seed)
        all_texts = alignments(probs)
        scores = beginning(probs, text).scores()[0]
        for token in (1, 3):
            longer = (*text, token)
            wanted = sum(p for one, p in all_texts if one[: len(longer)] == longer)
            assert math.isclose(math.exp(scores[token]), wanted, rel_tol=1e-9), (seed, longer)
        ends = sum(p for one, p in all_texts if one == text)
        assert math.isclose(math.exp(scores[EOS]), ends, rel_tol=1e-9), (seed, text)


def test_blank_follows_on_nothing() -> None:
    assert beginning(log_probs(0), (1,)).scores()[0, BLANK] == IMPOSSIBLE


def test_a_text_that_needs_more_frames_is_impossible() -> None:
    probs = log_probs(0, num_frames=3)
    assert beginning(probs, (1, 1)).scores()[0, 1] == IMPOSSIBLE  # 1 1 1 needs five
    assert beginning(probs, (1, 1)).scores()[0, 3] == IMPOSSIBLE
    assert beginning(probs, (1, 3)).scores()[0, 1] > IMPOSSIBLE


def test_several_beginnings_at_once_are_each_what_they_are_alone() -> None:
    probs = log_probs(4)
    first = CtcPrefixes.empty(probs, BLANK, EOS)
    both = first.extend(torch.tensor([0, 0]), torch.tensor([1, 3])).extend(
        torch.tensor([1, 0, 1]), torch.tensor([3, 1, 1])
    )
    for row, text in enumerate([(3, 3), (1, 1), (3, 1)]):
        assert torch.allclose(both.scores()[row], beginning(probs, text).scores()[0], rtol=1e-12, atol=1e-12)


def test_very_small_probabilities_over_many_frames_stay_finite() -> None:
    probs = torch.full((2000, VOCAB), -60.0)
    probs[:, BLANK] = 0.0
    scores = beginning(probs.log_softmax(-1), (1, 3, 1)).scores()
    assert torch.isfinite(scores).all()
    assert scores[0, 3] > IMPOSSIBLE
