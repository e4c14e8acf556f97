"""MFCCA: several microphones and several speakers, whose texts stand one after the other (Yu et al. 2022, arXiv
2210.05265)."""

from typing import Any

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.models.transformer.model import Stats, Transformer
from asrtools.register import tables


@tables.register("model_classes", "MFCCA")
class MFCCA(Transformer):
    """Features [B, T, C * input_size] to hypotheses; parameters encoder, decoder, ctc as of Transformer.

    The last token of the vocabulary begins and ends a text.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module | None,
        vocab_size: int,
        normalize: nn.Module | None = None,
        ctc_conf: dict[str, Any] | None = None,
        ctc_weight: float = 0.5,
        ignore_id: int = -1,
        blank_id: int = 0,
        lsm_weight: float = 0.0,
        mask_ratio: float = 0.0,
        length_normalized_loss: bool = False,
    ):
        super().__init__(
            encoder,
            decoder,
            vocab_size,
            normalize,
            ctc_conf,
            ctc_weight,
            ignore_id=ignore_id,
            blank_id=blank_id,
            sos=vocab_size - 1,
            eos=vocab_size - 1,
            lsm_weight=lsm_weight,
            length_normalized_loss=length_normalized_loss,
        )
        if not 0 <= mask_ratio <= 1:
            raise ConfigError(
                f"model_conf.mask_ratio is {mask_ratio}; the part of batches that lose channels is wanted"
            )
        self.mask_ratio = mask_ratio

    def forward(
        self, speech: Tensor, speech_lengths: Tensor, text: Tensor, text_lengths: Tensor
    ) -> tuple[Tensor, Stats, Tensor]:
        """As of Transformer, of a batch whose utterances have equally many channels.

        Some batches (`mask_ratio`) lose some of their channels, so that it learns to do with fewer.
        """
        loss, stats, _ = super().forward(self._with_fewer(speech), speech_lengths, text, text_lengths)
        return loss, stats, torch.tensor(len(text), device=loss.device)

    def _with_fewer(self, speech: Tensor) -> Tensor:
        num = self.encoder.num_channels(speech)
        if not self.training or num == 1 or not self.mask_ratio or float(torch.rand(())) > self.mask_ratio:
            return speech
        kept = torch.randperm(num)[: int(torch.randint(1, num + 1, ()))].sort().values
        return speech.unflatten(2, (num, -1))[:, :, kept].flatten(2)
