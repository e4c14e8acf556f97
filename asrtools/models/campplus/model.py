"""CAM++: one vector for the speaker of a stretch of speech."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError, ModelError
from asrtools.models.campplus.dense_tdnn import (
    DenseLayer,
    DenseTdnnBlock,
    StatsPool,
    TdnnLayer,
    TransitLayer,
    nonlinearity,
)
from asrtools.models.campplus.folded import FoldedCampplus
from asrtools.models.campplus.residual_head import ResidualHead
from asrtools.register import tables

NUM_LAYERS = (12, 24, 16)  # of the three blocks, and their
KERNEL_SIZE, DILATIONS = 3, (1, 2, 2)
FOLDABLE = "batchnorm-relu"
ROW_FRAMES = 600  # of all rows that go through together: on a CPU what they need then stays in the cache
DEVICE_FRAMES = 60_000  # on a GPU


@tables.register("model_classes", "CAMPPlus")
class CAMPPlus(nn.Module):
    """CAM++ (Wang et al. 2023, "CAM++: A Fast and Efficient Network for Speaker Verification Using Context-Aware
    Masking"): features [B, T, feat_dim] to embeddings [B, embedding_size].

    Parameters: `head.*` (2-D convolutions), `xvector.tdnn`, `xvector.block{1,2,3}.tdnnd{n}`, `xvector.transit{1,2,3}`,
    `xvector.out_nonlinear`, `xvector.dense`.
    """

    def __init__(
        self,
        feat_dim: int = 80,
        embedding_size: int = 192,
        growth_rate: int = 32,
        bn_size: int = 4,
        init_channels: int = 128,
        config_str: str = FOLDABLE,
        memory_efficient: bool = True,  # in training: narrow activations are computed again, not kept
        output_level: str = "segment",
        num_layers: Sequence[int] = NUM_LAYERS,  # no published model has others; fewer learn in fewer steps
    ):
        super().__init__()
        if output_level not in ("segment", "frame"):
            raise ConfigError(f"output_level is {output_level!r}; segment or frame is wanted")
        if feat_dim < 8 or feat_dim % 8:
            raise ConfigError(f"feat_dim is {feat_dim}; a multiple of 8 is wanted")
        if len(num_layers) != len(DILATIONS) or min(num_layers) < 1:
            raise ConfigError(f"num_layers is {num_layers}; three numbers of 1 or more are wanted, one for each block")
        self.feat_dim = feat_dim
        self.config_str = config_str
        self.output_level = output_level
        self.embedding_size = embedding_size
        self.head = ResidualHead(feat_dim)
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["tdnn"] = TdnnLayer(self.head.out_channels, init_channels, 5, 2, config_str)
        channels = init_channels
        for index, (num, dilation) in enumerate(zip(num_layers, DILATIONS, strict=True), start=1):
            parts[f"block{index}"] = DenseTdnnBlock(
                num, channels, growth_rate, bn_size * growth_rate, KERNEL_SIZE, dilation, config_str, memory_efficient
            )
            channels += num * growth_rate
            parts[f"transit{index}"] = TransitLayer(channels, channels // 2, config_str)
            channels //= 2
        parts["out_nonlinear"] = nonlinearity(config_str, channels)
        if output_level == "segment":
            parts["stats"] = StatsPool()
            parts["dense"] = DenseLayer(2 * channels, embedding_size, "batchnorm_")
        self.xvector = nn.Sequential(parts)
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self._folded: FoldedCampplus | None = None

    def forward(self, feats: Tensor) -> Tensor:
        """Features [B, T, F] to embeddings [B, E]; with output_level frame to [B, T', C]."""
        x = self.xvector(self.head(feats.transpose(1, 2)))
        return x.transpose(1, 2) if self.output_level == "frame" else x

    @torch.inference_mode()
    def embed(self, feats: Tensor, feats_lens: Tensor) -> np.ndarray:
        """feats [B, T, F], feats_lens [B] to float32 [B, E].

        Rows of one length go through together and padding never does, so a row's embedding does not depend on its
        neighbours.
        """
        if self.output_level != "segment":
            raise ModelError("this CAM++ gives frames, not embeddings; one with output_level: segment is wanted")
        if feats.shape[-1] != self.feat_dim:
            raise ModelError(f"features have {feats.shape[-1]} values a frame; this CAM++ takes {self.feat_dim}")
        lens = [int(n) for n in feats_lens]
        if min(lens, default=1) < 1:
            raise ModelError("features of no frame have no embedding; at least one frame is wanted")
        run = self.forward if self.config_str != FOLDABLE else self.folded()
        embeddings = np.empty((len(lens), self.embedding_size), dtype=np.float32)
        for length in sorted(set(lens)):
            rows = [row for row, n in enumerate(lens) if n == length]
            step = self.rows_at_once(length)
            for first in range(0, len(rows), step):
                some = rows[first : first + step]
                embeddings[some] = run(feats[some, :length]).float().cpu().numpy()
        return embeddings

    def rows_at_once(self, num_frames: int) -> int:
        """How many rows of that length go through together."""
        is_on_cpu = self.head.conv1.weight.device.type == "cpu"
        return max(1, (ROW_FRAMES if is_on_cpu else DEVICE_FRAMES) // num_frames)

    def folded(self) -> FoldedCampplus:
        """The network for use, made once from the parameters as they are."""
        if self._folded is None:
            with torch.no_grad():
                self._folded = FoldedCampplus(self.head, self.xvector)
        return self._folded

    def train(self, mode: bool = True) -> "CAMPPlus":
        self._folded = None  # parameters may change now
        return super().train(mode)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        self._folded = None
        return super().load_state_dict(*args, **kwargs)

    def _apply(self, *args: Any, **kwargs: Any) -> "CAMPPlus":
        self._folded = None  # another device or type
        return super()._apply(*args, **kwargs)
