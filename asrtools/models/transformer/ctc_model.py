"""An encoder with a CTC head (Graves et al. 2006) and nothing else."""

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from asrtools.models.protocols import Decoded, DecodeOptions
from asrtools.models.transformer.model import Stats, Transformer
from asrtools.register import tables


@tables.register("model_classes", "CTC")
class CtcModel(Transformer):
    """Features [B, T, input_size] to the best path, or to a beam of texts where one is asked for.

    Parameters encoder, ctc.
    """

    def __init__(
        self,
        encoder: nn.Module,
        vocab_size: int,
        normalize: nn.Module | None = None,
        ctc_conf: dict[str, Any] | None = None,
        ignore_id: int = -1,
        blank_id: int = 0,
        sos: int = 1,
        eos: int = 2,
        length_normalized_loss: bool = False,
    ):
        super().__init__(
            encoder,
            None,
            vocab_size,
            normalize,
            ctc_conf,
            ctc_weight=1.0,
            ignore_id=ignore_id,
            blank_id=blank_id,
            sos=sos,
            eos=eos,
            length_normalized_loss=length_normalized_loss,
        )

    def recognize(
        self, feats: Tensor, feats_lens: Tensor, options: DecodeOptions | None = None
    ) -> list[tuple[Decoded, ...]]:
        options = options or DecodeOptions()
        searches = options.beam_size > 1 or options.nbest > 1 or options.lm_weight
        return super().recognize(feats, feats_lens, options if searches else replace(options, greedy=True))

    def forward(
        self, speech: Tensor, speech_lengths: Tensor, text: Tensor, text_lengths: Tensor
    ) -> tuple[Tensor, Stats, Tensor]:
        loss, stats, weight = super().forward(speech, speech_lengths, text, text_lengths)
        return loss, {"loss": stats["loss"]}, weight
