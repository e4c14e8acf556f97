"""Beam search over tokens for one utterance, with an attention decoder, CTC and language models together.

Rules as published models were tuned with: CTC scores those tokens that the others find best (1.5 times the beam), and
the search ends when texts that ended lately are all much worse than the best (Watanabe et al. 2017, equation 50).
Sums are float32 as there: where CTC finds nothing possible any more, all is equal and the order of tokens decides.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from asrtools.layers.ctc_prefix_score import CtcPrefixes

CANDIDATES_PER_BEAM = 1.5
END_LENGTHS = 3  # texts of so many lengths are looked at
END_MARGIN = -10.0  # and are all worse than the best by this


class State(Protocol):
    def pick(self, rows: Tensor) -> "State":
        """The state of the hypotheses that follow on those at `rows`."""


class StepScorer(Protocol):
    """What gives log-probabilities of all tokens, one token after the other."""

    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The last token of each hypothesis [N] to log-probabilities [N, V] of the next."""


@dataclass(frozen=True, eq=False)
class Voice:
    """A scorer that has a say in a search."""

    name: str
    weight: float
    scorer: StepScorer
    state: Any  # before the first token
    hears: bool = True  # whether it knows the audio, so that it counts in the confidence of a token


@dataclass(frozen=True)
class SearchSettings:
    sos: int
    eos: int
    beam_size: int
    ctc_weight: float = 0.0
    max_len_ratio: float = 0.0  # 0: as many tokens as frames, and the end is detected; negative: a number of tokens
    min_len_ratio: float = 0.0
    penalty: float = 0.0  # added for each token
    preselects: bool = True  # whether CTC scores only what the voices find best

    def max_len(self, num_frames: int) -> int:
        if self.max_len_ratio == 0:
            return num_frames
        if self.max_len_ratio < 0:
            return max(1, int(-self.max_len_ratio))
        return max(1, int(self.max_len_ratio * num_frames))


@dataclass(frozen=True)
class Found:
    """A text that ended."""

    ids: tuple[int, ...]  # with eos, once or, when the search was cut off there, twice
    score: float
    token_scores: tuple[float, ...]  # of each token, by what hears the audio: log-probabilities
    parts: dict[str, float]  # unweighted sums by voice


@dataclass(eq=False)
class _Beam:
    """The hypotheses that go on; all tensors on the CPU."""

    tokens: Tensor  # [N, 1 + L], sos first
    scores: Tensor  # [N]
    token_scores: Tensor  # [N, L]
    parts: dict[str, Tensor]  # [N]

    def pick(self, rows: Tensor) -> "_Beam":
        parts = {name: part[rows] for name, part in self.parts.items()}
        return _Beam(self.tokens[rows], self.scores[rows], self.token_scores[rows], parts)


class Search:
    """The search in one utterance, a token at a time."""

    def __init__(
        self, num_frames: int, weights: dict[str, tuple[float, bool]], ctc: CtcPrefixes | None, settings: SearchSettings
    ):
        """`weights` of the voices, and whether they hear the audio; `ctc` is the empty beginning."""
        self.settings = settings
        self.weights = {name: weight for name, (weight, _) in weights.items()}
        self.ctc = ctc if settings.ctc_weight else None
        self.hearing = {name: weight for name, (weight, hears) in weights.items() if hears}
        if self.ctc is not None:
            self.hearing["ctc"] = settings.ctc_weight
        names = [*self.weights, *(["ctc"] if self.ctc is not None else [])]
        zeros = torch.zeros(1)
        self.beam = _Beam(torch.tensor([[settings.sos]]), zeros, torch.zeros(1, 0), dict.fromkeys(names, zeros))
        self.ctc_before = torch.zeros(1, dtype=torch.float64)
        self.max_len = settings.max_len(num_frames)
        self.min_len = min(int(settings.min_len_ratio * num_frames), self.max_len - 1)
        self.length = 0
        self.found: list[Found] = []

    @property
    def last(self) -> Tensor:
        """The last token of each hypothesis [N]."""
        return self.beam.tokens[:, -1]

    def advance(self, scores: dict[str, Tensor]) -> Tensor:
        """With what the voices say of the next tokens, [N, V] each: the rows that go on; none at the end."""
        added = sum(weight * scores[name] for name, weight in self.weights.items()) + self.settings.penalty
        if self.ctc is not None:
            by_prefix = self._by_prefix(self._candidates(added))
            scores = {**scores, "ctc": (by_prefix - self.ctc_before[:, None]).float()}
            added = added + self.settings.ctc_weight * scores["ctc"]
        if self.length < self.min_len:
            added[:, self.settings.eos] = -math.inf
        total = self.beam.scores[:, None] + added
        rows, tokens = _best(total, self.settings.beam_size)
        chosen = {name: scores[name][rows, tokens] for name in self.beam.parts}
        self.beam = _Beam(
            torch.cat([self.beam.tokens[rows], tokens[:, None]], 1),
            total[rows, tokens],
            torch.cat([self.beam.token_scores[rows], _heard(chosen, self.hearing, len(rows))[:, None]], 1),
            {name: self.beam.parts[name][rows] + part for name, part in chosen.items()},
        )
        going = self._end(tokens)
        if self.ctc is not None and len(going):
            rows_on, tokens_on = rows[going], tokens[going]
            self.ctc, self.ctc_before = self.ctc.extend(rows_on, tokens_on), by_prefix[rows_on, tokens_on]
        self.beam = self.beam.pick(going)
        return rows[going]

    def _end(self, tokens: Tensor) -> Tensor:
        """Takes out what has ended; the places of the others in the beam."""
        self.length += 1
        is_last = self.length == self.max_len
        has_ended = (tokens == self.settings.eos) | is_last
        for row in torch.nonzero(has_ended).flatten().tolist():
            self.found.append(_found(self.beam, row, self.settings.eos, is_last))
        if self.settings.max_len_ratio == 0 and has_end(self.found, self.length - 1):
            has_ended[:] = True
        return torch.nonzero(~has_ended).squeeze(1)

    def _candidates(self, added: "Tensor | float") -> Tensor | None:
        """The tokens that CTC is asked about [N, C]; None for all."""
        num, vocab_size = int(CANDIDATES_PER_BEAM * self.settings.beam_size), self.ctc.log_probs.shape[1]
        if not self.settings.preselects or num >= vocab_size:
            return None
        return (torch.zeros(len(self.last), vocab_size) + added).topk(num, dim=1).indices

    def _by_prefix(self, candidates: Tensor | None) -> Tensor:
        """What CTC says of the texts with one token more, float64 [N, V]; never any but the candidates."""
        scores = self.ctc.scores(candidates)
        if candidates is None:
            return scores
        everything = torch.full((len(scores), self.ctc.log_probs.shape[1]), -math.inf, dtype=scores.dtype)
        return everything.scatter(1, candidates, scores)

    def result(self) -> list[Found]:
        return sorted(self.found, key=lambda one: -one.score)

    def leading(self) -> Found | None:
        """The best as it stands; None before the first token."""
        going = (
            [_found(self.beam, row, self.settings.eos, False) for row in range(len(self.last))] if self.length else []
        )
        return max([*self.found, *going], key=lambda one: one.score, default=None)

    def agreed(self) -> Found | None:
        """The tokens that all hypotheses begin with, whatever the search finds yet; None where those are none."""
        leading = self.leading()
        if leading is None:
            return None
        num = len(leading.ids)
        for ids in [one.ids for one in self.found] + self.beam.tokens[:, 1:].tolist():
            same = (index for index, (a, b) in enumerate(zip(leading.ids, ids, strict=False)) if a != b)
            num = min(num, len(ids), next(same, num))
        return Found(leading.ids[:num], leading.score, leading.token_scores[:num], leading.parts) if num else None


def beam_search(
    num_frames: int, voices: Sequence[Voice], ctc: CtcPrefixes | None, settings: SearchSettings
) -> list[Found]:
    """Texts of one utterance, best first; `ctc` is the empty beginning, where CTC has a say."""
    return beam_searches([num_frames], voices, [ctc], settings)[0]


def beam_searches(
    num_frames: Sequence[int], voices: Sequence[Voice], ctcs: Sequence[CtcPrefixes | None], settings: SearchSettings
) -> list[list[Found]]:
    """The same for several utterances at once; the states of the voices have a row for each."""
    voices = [voice for voice in voices if voice.weight]
    weights = {voice.name: (voice.weight, voice.hears) for voice in voices}
    searches = [Search(num, weights, ctc, settings) for num, ctc in zip(num_frames, ctcs, strict=True)]
    states = [voice.state for voice in voices]
    going = searches
    while going:
        counts = [len(search.last) for search in going]
        tokens = torch.cat([search.last for search in going])
        said: dict[str, Sequence[Tensor]] = {}
        for index, voice in enumerate(voices):
            log_probs, states[index] = voice.scorer.step(tokens, states[index])
            said[voice.name] = log_probs.float().cpu().split(counts)
        rows = [search.advance({name: of[i] for name, of in said.items()}) for i, search in enumerate(going)]
        begins = [sum(counts[:i]) for i in range(len(counts))]
        going = [search for search, left in zip(going, rows, strict=True) if len(left)]
        if going:
            kept = torch.cat([begin + left for begin, left in zip(begins, rows, strict=True)])
            states = [state.pick(kept) for state in states]
    return [search.result() for search in searches]


def _best(scores: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Rows and tokens of the best that are allowed; of equal ones those of the first row."""
    num = min(num, scores.shape[1])
    values, tokens = scores.topk(num, dim=1)  # [N, num]
    order = values.flatten().sort(descending=True, stable=True).indices[:num]
    order = order[values.flatten()[order] > -math.inf]
    return order // num, tokens.flatten()[order]


def _heard(chosen: dict[str, Tensor], hearing: dict[str, float], num: int) -> Tensor:
    """The mean of those that hear the audio, [N]."""
    total = sum(hearing.values()) or 1.0
    return sum((weight / total * chosen[name] for name, weight in hearing.items()), torch.zeros(num))


def _found(beam: _Beam, row: int, eos: int, is_cut_off: bool) -> Found:
    ids = tuple(beam.tokens[row, 1:].tolist()) + ((eos,) if is_cut_off else ())
    parts = {name: float(part[row]) for name, part in beam.parts.items()}
    return Found(ids, float(beam.scores[row]), tuple(beam.token_scores[row].tolist()), parts)


def has_end(found: Sequence[Found], length: int) -> bool:
    """Whether what has ended lately is so much worse than the best that nothing better is to come."""
    if not found:
        return False
    best = max(one.score for one in found)
    for num_tokens in range(length - END_LENGTHS + 1, length + 1):  # counted with sos and eos, as published
        same = [one.score for one in found if len(one.ids) + 1 == num_tokens]
        if not same or max(same) - best >= END_MARGIN:
            return False
    return True
