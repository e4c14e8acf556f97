"""How probable CTC finds texts that begin in a given way (Watanabe et al. 2017, Hybrid CTC/Attention, algorithm 2).

The recursions over frames are linear in the probability, so that they are written as cumulated sums: no loop over time,
and one matrix product scores all tokens that may follow. In float64, for the sums run over very small numbers.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

NEVER = -math.inf
IMPOSSIBLE = -1e10  # log-probability of what cannot be: finite, so that a search with nothing else left goes on


@dataclass(frozen=True, eq=False)
class CtcPrefixes:
    """Beginnings of the text of one utterance, all on the CPU."""

    log_probs: Tensor  # float64 [T, V]
    blank: int
    eos: int
    last: Tensor  # [N], the last token of each, -1 of an empty one
    in_token: Tensor  # float64 [N, T], log-probability of the frames up to t, the last of which says the last token
    in_blank: Tensor  # float64 [N, T], the last of which is blank

    @classmethod
    def empty(cls, log_probs: Tensor, blank: int, eos: int) -> "CtcPrefixes":
        """The one beginning without tokens; log_probs [T, V] of one utterance."""
        log_probs = log_probs.detach().double().cpu()
        in_blank = log_probs[:, blank].cumsum(0)[None]
        last = torch.full((1,), -1, dtype=torch.long)
        return cls(log_probs, blank, eos, last, torch.full_like(in_blank, NEVER), in_blank)

    @property
    def complete(self) -> Tensor:
        """float64 [N, T]: log-probability that the frames up to t say just this text."""
        return torch.logaddexp(self.in_token, self.in_blank)

    def scores(self) -> Tensor:
        """float64 [N, V]: log-probability of the texts that begin with this one and a token, or that end here (eos)."""
        complete = self.complete
        before = self._before(complete)  # [N, T]
        peak = before.amax(1, keepdim=True).clamp(min=-1e300)
        scores = peak + ((before - peak).exp() @ self.log_probs.exp()).log()
        rows = torch.nonzero(self.last >= 0).squeeze(1)
        again = self._before(self.in_blank)[rows] + self.log_probs[:, self.last[rows]].T
        scores[rows, self.last[rows]] = again.logsumexp(1)  # a token twice needs a blank between
        scores[:, self.eos] = complete[:, -1]
        scores[:, self.blank] = IMPOSSIBLE
        return scores.clamp(min=IMPOSSIBLE)

    def extend(self, rows: Tensor, tokens: Tensor) -> "CtcPrefixes":
        """The beginnings at `rows`, each with one token more."""
        repeats = (tokens == self.last[rows])[:, None]
        before = torch.where(repeats, self._before(self.in_blank)[rows], self._before(self.complete)[rows])
        before = before.masked_fill((tokens == self.blank)[:, None], NEVER)  # a text with a blank in it is none
        in_token = _flow(before, self.log_probs[:, tokens].T)
        in_blank = _flow(_delay(in_token, NEVER), self.log_probs[:, self.blank].expand(len(rows), -1))
        return CtcPrefixes(self.log_probs, self.blank, self.eos, tokens, in_token, in_blank)

    def _before(self, log_probs: Tensor) -> Tensor:
        """What the frame before each says; before the first there is the empty text."""
        delayed = _delay(log_probs, NEVER)
        delayed[:, 0] = torch.where(self.last < 0, 0.0, NEVER)
        return delayed


def _delay(x: Tensor, first: float) -> Tensor:
    return F.pad(x[:, :-1], (1, 0), value=first)


def _flow(entering: Tensor, step: Tensor) -> Tensor:
    """r[t] = log(exp(r[t - 1]) + exp(entering[t])) + step[t] along [N, T]."""
    total = step.cumsum(1)
    return total + torch.logcumsumexp(entering - _delay(total, 0.0), dim=1)
