"""A beam search over the tokens that a Paraformer gives at once, with CTC and a language model."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from asrtools.errors import ConfigError
from asrtools.layers.beam_search import Found, SearchSettings, Voice, beam_search
from asrtools.layers.ctc import CTC
from asrtools.layers.ctc_prefix_score import CtcPrefixes
from asrtools.models.protocols import DecodeOptions

BEAM_SIZE = 2
LEAST_WEIGHT = 1e-5  # below it a search changes nothing


@dataclass(frozen=True)
class Position:
    """How many tokens there are: the same for all hypotheses."""

    index: int = 0

    def pick(self, rows: Tensor) -> "Position":
        return self


@dataclass(frozen=True, eq=False)
class TokenScores:
    """Log-probabilities [N, V] of tokens that do not depend on one another."""

    log_probs: Tensor

    def step(self, tokens: Tensor, state: Position) -> tuple[Tensor, Position]:
        return self.log_probs[state.index].expand(len(tokens), -1), Position(state.index + 1)


def wants_search(options: DecodeOptions, ctc: CTC | None) -> bool:
    has_ctc = ctc is not None and (options.ctc_weight or 0) > LEAST_WEIGHT
    return has_ctc or options.lm_weight > LEAST_WEIGHT


def search(
    log_probs: Tensor, encoded: Tensor, ctc: CTC | None, blank: int, sos: int, eos: int, options: DecodeOptions
) -> Sequence[Found]:
    """Log-probabilities [N, V] and encoder output [1, T, D] of one utterance to texts, best first."""
    voices = [Voice("tokens", 1.0, TokenScores(log_probs.cpu()), Position())]
    if options.lm_weight > LEAST_WEIGHT:
        if options.lm is None:
            raise ConfigError(f"lm_weight is {options.lm_weight} without a language model; name one as lm_file")
        voices.append(Voice("lm", options.lm_weight, options.lm, options.lm.start(), hears=False))
    weight = 0.0 if ctc is None else options.ctc_weight or 0.0
    # a text is as long as the predictor says; a ratio only keeps the search from ending earlier
    settings = SearchSettings(
        sos, eos, options.beam_size or BEAM_SIZE, weight, 1.0 if options.max_len_ratio else 0.0, 0.0, options.penalty
    )
    beginning = CtcPrefixes.empty(ctc(encoded)[0], blank, eos) if weight and ctc is not None else None
    return beam_search(len(log_probs), voices, beginning, settings)[: max(1, options.nbest)]
