"""BiCifParaformer: Paraformer with token times of its own (Shi et al. 2023, arXiv 2301.12343)."""

from torch import Tensor

from asrtools.layers.loss import length_loss
from asrtools.models.paraformer.loss import Stats
from asrtools.models.paraformer.model import Paraformer
from asrtools.models.protocols import Firing
from asrtools.register import tables


@tables.register("model_classes", "BiCifParaformer")
class BiCifParaformer(Paraformer):
    """As Paraformer; its predictor (CifPredictorV3) has an upsampled branch that says when tokens are spoken."""

    def timings(self, encoded: Tensor, lens: Tensor, weights: Tensor, num_tokens: Tensor) -> list[Firing]:
        times = self.predictor.upsample_times
        weights = self.predictor.timing_weights(encoded, lens, num_tokens).cpu().numpy()
        subsample = self.subsampling()
        return [
            Firing(weight[: length * times], None, times, subsample)
            for weight, length in zip(weights, lens.tolist(), strict=True)
        ]

    def forward(
        self, speech: Tensor, speech_lengths: Tensor, text: Tensor, text_lengths: Tensor
    ) -> tuple[Tensor, Stats, Tensor]:
        speech_lengths, text_lengths = speech_lengths.flatten(), text_lengths.flatten()
        encoded, lens = self.encode(speech, speech_lengths)
        stats: Stats = {}
        loss_att, loss_pre, acc = self.attention_loss(encoded, lens, text, text_lengths)
        sums = self.predictor.upsampled(encoded, lens).sum(1)
        loss_pre2 = length_loss(text_lengths + self.predictor_bias, sums, self.length_normalized_loss)
        loss = self.with_ctc(loss_att, encoded, lens, text, text_lengths, stats)
        loss = loss + self.predictor_weight * (loss_pre + 0.5 * loss_pre2)
        stats |= {"loss_att": loss_att.detach(), "acc": acc, "loss_pre": loss_pre.detach()}
        stats |= {"loss_pre2": loss_pre2.detach(), "loss": loss.detach()}
        return loss, stats, self.loss_weight(text_lengths)
