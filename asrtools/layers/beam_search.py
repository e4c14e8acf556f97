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


def beam_search(
    num_frames: int, voices: Sequence[Voice], ctc: CtcPrefixes | None, settings: SearchSettings
) -> list[Found]:
    """Texts, best first; `ctc` is the empty beginning, where CTC has a say."""
    voices = [voice for voice in voices if voice.weight]
    states = [voice.state for voice in voices]
    ctc = ctc if settings.ctc_weight else None
    names = [voice.name for voice in voices] + (["ctc"] if ctc else [])
    beam = _Beam(
        torch.tensor([[settings.sos]]), torch.zeros(1), torch.zeros(1, 0), dict.fromkeys(names, torch.zeros(1))
    )
    ctc_before = torch.zeros(1, dtype=torch.float64)
    hearing = {voice.name: voice.weight for voice in voices if voice.hears} | (
        {"ctc": settings.ctc_weight} if ctc else {}
    )
    max_len = settings.max_len(num_frames)
    min_len = min(int(settings.min_len_ratio * num_frames), max_len - 1)
    found: list[Found] = []
    for length in range(max_len):
        scores: dict[str, Tensor] = {}
        for index, voice in enumerate(voices):
            log_probs, states[index] = voice.scorer.step(beam.tokens[:, -1], states[index])
            scores[voice.name] = log_probs.float().cpu()
        added = sum(voice.weight * scores[voice.name] for voice in voices) + settings.penalty
        if ctc is not None:
            prefix_scores = ctc.scores()  # [N, V]
            scores["ctc"] = (prefix_scores - ctc_before[:, None]).float()
            added = _with_ctc(added, settings.ctc_weight * scores["ctc"], settings)
        if length < min_len:
            added[:, settings.eos] = -math.inf
        total = beam.scores[:, None] + added
        rows, tokens = _best(total, settings.beam_size)
        chosen = {name: scores[name][rows, tokens] for name in names}
        beam = _Beam(
            torch.cat([beam.tokens[rows], tokens[:, None]], 1),
            total[rows, tokens],
            torch.cat([beam.token_scores[rows], _heard(chosen, hearing, len(rows))[:, None]], 1),
            {name: beam.parts[name][rows] + chosen[name] for name in names},
        )
        is_last = length == max_len - 1
        has_ended = (tokens == settings.eos) | is_last
        found += [_found(beam, row, settings.eos, is_last) for row in torch.nonzero(has_ended).flatten().tolist()]
        if settings.max_len_ratio == 0 and has_end(found, length):
            break
        going = torch.nonzero(~has_ended).squeeze(1)
        if not len(going):
            break
        rows, tokens = rows[going], tokens[going]
        if ctc is not None:
            ctc_before = prefix_scores[rows, tokens]
            ctc = ctc.extend(rows, tokens)
        states = [state.pick(rows) for state in states]
        beam = beam.pick(going)
    return sorted(found, key=lambda one: -one.score)


def _with_ctc(added: "Tensor | float", by_ctc: Tensor, settings: SearchSettings) -> Tensor:
    """What CTC adds [N, V], for the tokens that the voices find best, or for all."""
    added = torch.zeros_like(by_ctc) + added
    num = int(CANDIDATES_PER_BEAM * settings.beam_size)
    if not settings.preselects or num >= by_ctc.shape[1]:
        return added + by_ctc
    candidates = added.topk(num, dim=1).indices
    chosen = (added + by_ctc).gather(1, candidates)
    return torch.full_like(added, -math.inf).scatter(1, candidates, chosen)


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
