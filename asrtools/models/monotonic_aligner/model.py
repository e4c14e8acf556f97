"""MonotonicAligner (fa-zh): when each token of a known text is spoken (Shi et al. 2023, arXiv 2301.12343)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from asrtools.layers.loss import length_loss
from asrtools.models.protocols import Firing
from asrtools.register import tables

Stats = dict[str, Tensor]


@tables.register("model_classes", "MonotonicAligner")
class MonotonicAligner(nn.Module):
    """Features [B, T, input_size] and numbers of tokens to firings; parameters encoder and predictor.

    It knows how many tokens there are and not which.
    """

    def __init__(
        self,
        encoder: nn.Module,
        predictor: nn.Module,
        normalize: nn.Module | None = None,
        predictor_bias: int = 0,
        length_normalized_loss: bool = False,
    ):
        super().__init__()
        self.normalize = normalize
        self.encoder = encoder
        self.predictor = predictor
        self.predictor_bias = predictor_bias
        self.length_normalized_loss = length_normalized_loss

    def encode(self, feats: Tensor, feats_lens: Tensor) -> tuple[Tensor, Tensor]:
        if self.normalize is not None:
            feats, feats_lens = self.normalize(feats, feats_lens)
        return self.encoder(feats, feats_lens)[:2]

    @torch.inference_mode()
    def align(self, feats: Tensor, feats_lens: Tensor, num_tokens: Sequence[int]) -> list[Firing]:
        """feats [B, T, D], feats_lens [B] to the firing of each; one fires more than there are tokens, at the end."""
        encoded, lens = self.encode(feats, feats_lens)
        counts = torch.tensor([count + 1 for count in num_tokens], device=feats.device)
        times = self.predictor.upsample_times
        weights = self.predictor.timing_weights(encoded, lens, counts).cpu().numpy()
        subsample = int(getattr(self.encoder, "subsampling", 1))
        return [
            Firing(weight[: length * times], None, times, subsample)
            for weight, length in zip(weights, lens.tolist(), strict=True)
        ]

    def forward(
        self, speech: Tensor, speech_lengths: Tensor, text: Tensor, text_lengths: Tensor
    ) -> tuple[Tensor, Stats, Tensor]:
        """How far the number of tokens that would fire is from that of the text."""
        encoded, lens = self.encode(speech, speech_lengths.flatten())
        wanted = text_lengths.flatten() + self.predictor_bias
        sums = self.predictor.upsampled(encoded, lens).sum(1)
        loss = length_loss(wanted, sums, self.length_normalized_loss)
        return loss, {"loss_pre": loss.detach(), "loss": loss.detach()}, torch.tensor(len(speech), device=loss.device)
