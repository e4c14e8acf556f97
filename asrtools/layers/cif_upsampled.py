"""CifPredictorV3: a predictor with a second, upsampled branch from which token times are read."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.cif import CifWeights, without_padding
from asrtools.layers.mask import frame_mask
from asrtools.register import tables


@tables.register("predictor_classes", "CifPredictorV3")
class CifPredictorV3(CifWeights):
    """Parameters of CifPredictorV2, and upsample_cnn, blstm, cif_output2 of the branch."""

    def __init__(
        self,
        idim: int,
        l_order: int,
        r_order: int,
        threshold: float = 1.0,
        dropout: float = 0.1,
        smooth_factor: float = 1.0,
        noise_threshold: float = 0,
        tail_threshold: float = 0.0,
        smooth_factor2: float = 1.0,
        noise_threshold2: float = 0,
        upsample_times: int = 5,
        upsample_type: str = "cnn",
        use_cif1_cnn: bool = True,
        tail_mask: bool = True,
    ):
        super().__init__(
            idim, l_order, r_order, threshold, dropout, smooth_factor, noise_threshold, tail_threshold, groups=1
        )
        if upsample_type not in ("cnn", "cnn_blstm"):
            raise ConfigError(f"predictor_conf.upsample_type is {upsample_type!r}; should be cnn or cnn_blstm")
        self.upsample_times = upsample_times
        self.use_cif1_cnn = use_cif1_cnn
        self.smooth_factor2 = smooth_factor2
        self.noise_threshold2 = noise_threshold2
        self.upsample_cnn = nn.ConvTranspose1d(idim, idim, upsample_times, upsample_times)
        has_lstm = upsample_type == "cnn_blstm"
        self.blstm = nn.LSTM(idim, idim, 1, batch_first=True, bidirectional=True) if has_lstm else None
        self.cif_output2 = nn.Linear(2 * idim if has_lstm else idim, 1)

    def upsampled(self, hidden: Tensor, lens: Tensor) -> Tensor:
        """Encoder output [B, T, D] to the weights of the branch, float32 [B, T * upsample_times]."""
        hidden = without_padding(hidden, frame_mask(lens, hidden.shape[1]))
        source = self.look(hidden).transpose(1, 2) if self.use_cif1_cnn else hidden.transpose(1, 2)
        x = self.upsample_cnn(source).transpose(1, 2)  # [B, T * upsample_times, D]
        lens = lens * self.upsample_times
        if self.blstm is not None:
            x = self._both_ways(x, lens)
        raw = self.cif_output2(x).squeeze(-1).float()
        weights = F.relu(torch.sigmoid(raw) * self.smooth_factor2 - self.noise_threshold2)
        return weights * frame_mask(lens, weights.shape[1])

    def _both_ways(self, x: Tensor, lens: Tensor) -> Tensor:
        if not torch.jit.is_tracing() and bool((lens == x.shape[1]).all()):
            return self.blstm(x)[0]
        # packed, because the way back must begin at the end of each utterance and not in its padding
        packed = nn.utils.rnn.pack_padded_sequence(x, lens.cpu(), batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.blstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]

    def timing_weights(self, hidden: Tensor, lens: Tensor, num_tokens: Tensor) -> Tensor:
        """The weights of the branch, scaled so that as many tokens fire as there are."""
        weights = self.upsampled(hidden, lens)
        return weights * (num_tokens / weights.sum(1).clamp(min=1e-6))[:, None]
