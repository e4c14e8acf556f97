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
    probs: Tensor  # float64 [T, V], their exponential, which is dear
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
        return cls(log_probs, log_probs.exp(), blank, eos, last, torch.full_like(in_blank, NEVER), in_blank)

    @property
    def complete(self) -> Tensor:
        """float64 [N, T]: log-probability that the frames up to t say just this text."""
        return torch.logaddexp(self.in_token, self.in_blank)

    def scores(self, tokens: Tensor | None = None) -> Tensor:
        """float64 [N, V]: log-probability of the texts that begin with this one and a token, or that end here (eos).

        Or [N, C], of the `tokens` [N, C] only.
        """
        complete = self.complete
        before, after_blank = self._before(complete), self._before(self.in_blank)  # [N, T]
        if tokens is None:
            scores = self._of_all(before)
            tokens = torch.arange(scores.shape[1]).expand_as(scores)
            rows = torch.nonzero(self.last >= 0).squeeze(1)
            again = after_blank[rows] + self.log_probs[:, self.last[rows]].T
            scores[rows, self.last[rows]] = again.logsumexp(1)  # a token twice needs a blank between
        else:
            repeats = (tokens == self.last[:, None])[..., None]
            entered = torch.where(repeats, after_blank[:, None], before[:, None])  # [N, C, T]
            scores = (entered + self.log_probs.T[tokens]).logsumexp(2)
        scores = torch.where(tokens == self.eos, complete[:, -1:], scores)
        return scores.masked_fill(tokens == self.blank, IMPOSSIBLE).clamp(min=IMPOSSIBLE)

    def _of_all(self, before: Tensor) -> Tensor:
        peak = before.amax(1, keepdim=True).clamp(min=-1e300)
        return peak + ((before - peak).exp() @ self.probs).log()

    def extend(self, rows: Tensor, tokens: Tensor) -> "CtcPrefixes":
        """The beginnings at `rows`, each with one token more."""
        repeats = (tokens == self.last[rows])[:, None]
        before = torch.where(repeats, self._before(self.in_blank)[rows], self._before(self.complete)[rows])
        before = before.masked_fill((tokens == self.blank)[:, None], NEVER)  # a text with a blank in it is none
        in_token = _flow(before, self.log_probs[:, tokens].T)
        in_blank = _flow(_delay(in_token, NEVER), self.log_probs[:, self.blank].expand(len(rows), -1))
        return CtcPrefixes(self.log_probs, self.probs, self.blank, self.eos, tokens, in_token, in_blank)

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
