"""An n-gram with back-off as a scorer of the tokens of a recogniser (Katz 1987)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
NOT_THERE = -100.0 * math.log(10.0)  # of a word that the model does not know, where it has no <unk>
MOST_KEPT = 1000  # distributions, of the contexts seen lately

Gram = tuple[str, ...]
Context = tuple[int, ...]  # of words, by their number


@dataclass(frozen=True)
class NgramState:
    contexts: tuple[Context, ...]  # of each text

    def pick(self, rows: Tensor) -> "NgramState":
        return NgramState(tuple(self.contexts[row] for row in rows.tolist()))


class Ngram:
    """Natural logarithms of n-grams of words, for tokens that are such words; all others are the word <unk>."""

    def __init__(
        self,
        order: int,
        log_probs: Mapping[Gram, float],
        backoffs: Mapping[Gram, float],
        tokens: Sequence[str],
        sos: int,
        eos: int,
    ):
        names = [*tokens]
        names[sos], names[eos] = BEGIN, END
        known = [name if (name,) in log_probs else UNKNOWN for name in names]
        numbers = {name: number for number, name in enumerate(dict.fromkeys([*known, UNKNOWN]))}
        self.order = order
        self.words = torch.tensor([numbers[name] for name in known])  # [V], of each token
        self.unigrams = torch.full((len(numbers),), NOT_THERE)
        self.followers: dict[Context, tuple[list[int], list[float]]] = {}
        for gram, log_prob in log_probs.items():
            if all(word in numbers for word in gram):
                *context, word = (numbers[one] for one in gram)
                if context:
                    words, values = self.followers.setdefault(tuple(context), ([], []))
                    words.append(word)
                    values.append(log_prob)
                else:
                    self.unigrams[word] = log_prob
        self.backoffs = {
            tuple(numbers[word] for word in gram): backoff
            for gram, backoff in backoffs.items()
            if all(word in numbers for word in gram)
        }
        self.kept: dict[Context, Tensor] = {}

    def start(self) -> NgramState:
        return NgramState(((),))

    def step(self, tokens: Tensor, state: NgramState) -> tuple[Tensor, NgramState]:
        """The last token of each text [N] to log-probabilities float32 [N, V] of the next."""
        words = self.words[tokens.cpu()].tolist()
        contexts = tuple(self._shortened((*context, word)) for context, word in zip(state.contexts, words, strict=True))
        return torch.stack([self.after(context)[self.words] for context in contexts]), NgramState(contexts)

    def _shortened(self, context: Context) -> Context:
        return context[max(0, len(context) + 1 - self.order) :]

    def after(self, context: Context) -> Tensor:
        """float32, of each word."""
        if not context:
            return self.unigrams
        if context not in self.kept:
            scores = self.after(context[1:]) + self.backoffs.get(context, 0.0)
            words, values = self.followers.get(context, ([], []))
            scores[words] = torch.tensor(values)
            if len(self.kept) >= MOST_KEPT:
                self.kept.clear()
            self.kept[context] = scores
        return self.kept[context]
