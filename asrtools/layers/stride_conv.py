"""The convolution between the two passes of UniASR: fewer frames, each of the input and what was heard of it."""

import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.register import tables


@tables.register("stride_conv_classes", "stride_conv1d")
class StrideConv1d(nn.Module):
    """[B, T, input_size + encoder_output_size] to about T / stride frames of the same size; parameter conv."""

    def __init__(
        self,
        input_size: int,
        encoder_output_size: int,
        kernel_size: int = 2,
        stride: int = 2,
        pad: list | tuple = (0, 1),
    ):
        super().__init__()
        self.size = input_size + encoder_output_size
        self.kernel_size = kernel_size
        self.stride = stride
        self.pads = tuple(pad)
        self.conv = nn.Conv1d(self.size, self.size, kernel_size, stride)

    def output_size(self) -> int:
        return self.size

    def forward(self, x: Tensor, lens: Tensor) -> tuple[Tensor, Tensor]:
        """Frames [B, T, D], zeros after the end of each utterance."""
        return self.convolve(F.pad(x, (0, 0, *self.pads))), self.out_lens(lens)

    def convolve(self, padded: Tensor) -> Tensor:
        return F.relu(self.conv(padded.transpose(1, 2))).transpose(1, 2)

    def out_lens(self, lens: Tensor) -> Tensor:
        return (lens - 1) // self.stride + 1
