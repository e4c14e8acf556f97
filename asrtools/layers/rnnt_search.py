"""Search in a transducer: greedy, and the beam search of Graves 2012 (arXiv 1211.3711, algorithm 1) without prefixes.

The beam search expands the best text of a frame until a beam full of texts that are done with the frame is better than
what remains. Where several labels a frame are likely that takes exponential time, so that the expansions in one frame
are bounded, and with them its labels. Likely texts are looked at many at a time.
"""

import bisect
import heapq
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from asrtools.layers.rnnt import JointNetwork, RnntDecoder, State

MAX_SYMBOLS = 10  # labels in one frame of the greedy search
EXPANSIONS_PER_BEAM = 500  # in one frame of the beam search
TEXTS_AT_ONCE = 16


class LanguageModel(Protocol):
    def start(self) -> Any: ...

    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]: ...


@dataclass(frozen=True)
class Settings:
    beam_size: int
    blank: int = 0
    sos: int = 1
    max_symbols: int = MAX_SYMBOLS
    expansions_per_beam: int = EXPANSIONS_PER_BEAM
    lm: LanguageModel | None = None
    lm_weight: float = 0.0


@dataclass(frozen=True)
class Text:
    """A hypothesis."""

    ids: tuple[int, ...] = ()
    score: float = 0.0
    log_probs: tuple[float, ...] = ()  # of each label


@dataclass(frozen=True, eq=False)
class _Read:
    """What the networks keep of a text."""

    label_side: Tensor  # [J], for the joint network
    state: State  # one text's
    lm_scores: Tensor | None = None  # [V], weighted
    lm_state: Any = None


@dataclass(frozen=True, eq=False)
class _Next:
    """What may follow on a text in a frame."""

    blank: float
    labels: list[int]  # likeliest first
    log_probs: list[float]
    added: list[float]  # to the score


@dataclass(eq=False)
class _Reader:
    """Texts to what the networks make of them, each only once."""

    decoder: RnntDecoder
    joint: JointNetwork
    settings: Settings
    known: dict[tuple[int, ...], _Read] = field(default_factory=dict)

    def read(self, texts: list[tuple[int, ...]]) -> None:
        """Texts without their last label are known already."""
        new = [ids for ids in texts if ids not in self.known]
        if not new:
            return
        device = self.decoder.embed.weight.device
        before = [self.known[ids[:-1]] if ids else None for ids in new]
        empty = self.decoder.start(1)
        states = [empty if one is None else one.state for one in before]
        joined = tuple(torch.cat(parts, 1) for parts in zip(*states, strict=True))
        labels = [ids[-1] if ids else self.settings.blank for ids in new]
        hidden, after = self.decoder.step(torch.tensor(labels, device=device), joined)
        label_sides = self.joint.lin_dec(hidden)
        for row, (ids, parent) in enumerate(zip(new, before, strict=True)):
            state = tuple(part[:, row : row + 1] for part in after)
            self.known[ids] = _Read(label_sides[row], state, *self._lm(ids, parent, device))

    def _lm(self, ids: tuple[int, ...], before: _Read | None, device: torch.device) -> tuple[Tensor | None, Any]:
        lm = self.settings.lm
        if lm is None or not self.settings.lm_weight:
            return None, None
        token = torch.tensor([ids[-1] if ids else self.settings.sos], device=device)
        scores, state = lm.step(token, lm.start() if before is None else before.lm_state)
        return self.settings.lm_weight * scores[0].float().cpu(), state

    def follow(self, frame: Tensor, texts: list[tuple[int, ...]]) -> list[_Next]:
        self.read(texts)
        reads = [self.known[ids] for ids in texts]
        logits = self.joint.join(frame, torch.stack([one.label_side for one in reads]))
        log_probs = logits.float().log_softmax(-1).cpu()
        blanks = log_probs[:, self.settings.blank].tolist()
        log_probs[:, self.settings.blank] = -torch.inf
        values, labels = log_probs.topk(min(self.settings.beam_size, log_probs.shape[1] - 1))
        added = values
        if reads[0].lm_scores is not None:
            added = values + torch.stack([one.lm_scores for one in reads]).gather(1, labels)
        rows = zip(blanks, labels.tolist(), values.tolist(), added.tolist(), strict=True)
        return [_Next(*row) for row in rows]

    def forget(self, kept: list[Text]) -> None:
        texts = {text.ids for text in kept}
        self.known = {ids: read for ids, read in self.known.items() if ids in texts}


def beam_search(encoded: Tensor, decoder: RnntDecoder, joint: JointNetwork, settings: Settings) -> list[Text]:
    """Encoder output [T, D] of one utterance to texts, best first."""
    reader = _Reader(decoder, joint, settings)
    kept = [Text()]
    for frame in joint.lin_enc(encoded):
        kept = _through_frame(frame, kept, reader)
        reader.forget(kept)
    return sorted(kept, key=lambda one: -one.score)


def _through_frame(frame: Tensor, texts: list[Text], reader: _Reader) -> list[Text]:
    beam_size = reader.settings.beam_size
    heap = [(-text.score, number, text) for number, text in enumerate(texts)]  # the first of equal ones first
    heapq.heapify(heap)
    count = len(heap)
    following: dict[int, _Next] = {}  # by number
    done: list[tuple[float, int, Text]] = []  # ascending
    for _ in range(reader.settings.expansions_per_beam * beam_size):
        _, number, best = heap[0]
        if number not in following:
            new = [item for item in heapq.nsmallest(TEXTS_AT_ONCE, heap) if item[1] not in following]
            found = reader.follow(frame, [text.ids for _, _, text in new])
            following |= {item[1]: one for item, one in zip(new, found, strict=True)}
        heapq.heappop(heap)
        then = following.pop(number)
        bisect.insort(done, (best.score + then.blank, number, best))
        for label, log_prob, added in zip(then.labels, then.log_probs, then.added, strict=True):
            text = Text((*best.ids, label), best.score + added, (*best.log_probs, log_prob))
            heapq.heappush(heap, (-text.score, count, text))
            count += 1
        ahead = -heap[0][0]
        better = done[bisect.bisect_right(done, ahead, key=lambda item: item[0]) :]
        if len(better) >= beam_size:
            break
    else:
        better = done[-beam_size:]
    return [Text(text.ids, score, text.log_probs) for score, _, text in better]


def greedy_search(
    encoded: Tensor, lens: Tensor, decoder: RnntDecoder, joint: JointNetwork, settings: Settings
) -> list[Text]:
    """Encoder output [B, T, D] and lengths [B] to the text of the likeliest label in every step, for each row."""
    num = len(encoded)
    frames = joint.lin_enc(encoded)
    ids: list[list[int]] = [[] for _ in range(num)]
    log_probs: list[list[float]] = [[] for _ in range(num)]
    scores = torch.zeros(num, dtype=torch.float64)
    blanks = torch.full((num,), settings.blank, device=encoded.device)
    hidden, state = decoder.step(blanks, decoder.start(num))
    label_side = joint.lin_dec(hidden)
    for index in range(encoded.shape[1]):
        going = lens.to(encoded.device) > index
        for count in range(settings.max_symbols + 1):
            values, labels = joint.join(frames[:, index], label_side).float().log_softmax(-1).max(-1)
            scores += torch.where(going, values, 0.0).double().cpu()
            going = going & (labels != settings.blank)
            if count == settings.max_symbols or not bool(going.any()):
                break
            for row in torch.nonzero(going).flatten().tolist():
                ids[row].append(int(labels[row]))
                log_probs[row].append(float(values[row]))
            hidden, after = decoder.step(labels, state)
            state = tuple(torch.where(going[None, :, None], new, old) for new, old in zip(after, state, strict=True))
            label_side = torch.where(going[:, None], joint.lin_dec(hidden), label_side)
    return [
        Text(tuple(row), score, tuple(values))
        for row, score, values in zip(ids, scores.tolist(), log_probs, strict=True)
    ]
