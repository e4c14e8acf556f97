"""Back-off of an n-gram, worked out by hand."""

import pytest
import torch

from asrtools.layers.ngram import NOT_THERE, Ngram, NgramState

TOKENS = ["<blank>", "<s>", "</s>", "a", "b", "c", "<unk>"]
SOS, EOS = 1, 2
LOG_PROBS = {
    ("<unk>",): -3.0,
    ("<s>",): -99.0,
    ("</s>",): -1.0,
    ("a",): -1.5,
    ("b",): -2.0,
    ("word",): -2.5,
    ("<s>", "a"): -0.5,
    ("a", "b"): -0.25,
    ("a", "<unk>"): -0.75,
    ("word", "a"): -0.1,
    ("<s>", "a", "b"): -0.125,
}
BACKOFFS = {("<s>",): -0.2, ("a",): -0.3, ("<s>", "a"): -0.4}


@pytest.fixture
def ngram() -> Ngram:
    return Ngram(3, LOG_PROBS, BACKOFFS, TOKENS, SOS, EOS)


def after(ngram: Ngram, *tokens: int) -> torch.Tensor:
    state = ngram.start()
    for token in tokens:
        scores, state = ngram.step(torch.tensor([token]), state)
    return scores[0]


def test_the_longest_known_gram_counts_and_others_back_off(ngram: Ngram) -> None:
    first = after(ngram, SOS)
    assert first[3] == -0.5
    assert first[4] == pytest.approx(-0.2 - 2.0)
    assert first[EOS] == pytest.approx(-0.2 - 1.0)
    second = after(ngram, SOS, 3)
    assert second[4] == -0.125
    assert second[6] == pytest.approx(-0.4 - 0.75)
    assert second[EOS] == pytest.approx(-0.4 - 0.3 - 1.0)
    assert after(ngram, SOS, 3, 4)[3] == -1.5  # neither `a b` nor `b` has a back-off


def test_tokens_that_the_model_does_not_know_are_its_unk(ngram: Ngram) -> None:
    assert after(ngram, SOS)[5] == pytest.approx(-0.2 - 3.0)
    assert after(ngram, SOS, 3)[5] == after(ngram, SOS, 3)[6]


def test_without_an_unk_unknown_tokens_are_next_to_impossible() -> None:
    known = {gram: value for gram, value in LOG_PROBS.items() if "<unk>" not in gram}
    assert after(Ngram(3, known, {}, TOKENS, SOS, EOS), SOS)[5] == NOT_THERE


def test_texts_are_scored_side_by_side(ngram: Ngram) -> None:
    _, state = ngram.step(torch.tensor([SOS]), ngram.start())
    scores, state = ngram.step(torch.tensor([3, 4]), state.pick(torch.tensor([0, 0])))
    assert torch.equal(scores[0], after(ngram, SOS, 3))
    assert torch.equal(scores[1], after(ngram, SOS, 4))
    scores, _ = ngram.step(torch.tensor([4]), state.pick(torch.tensor([1])))
    assert torch.equal(scores[0], after(ngram, SOS, 4, 4))


def test_a_unigram_remembers_nothing() -> None:
    ngram = Ngram(1, {("a",): -1.0, ("b",): -2.0}, {}, TOKENS, SOS, EOS)
    scores, state = ngram.step(torch.tensor([3]), ngram.start())
    assert scores[0, 4] == -2.0
    assert state == NgramState(((),))
