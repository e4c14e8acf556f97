"""The body of CAM++: densely connected time-delay layers, each gated by a mask that it computes from its context."""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d
from torch.utils.checkpoint import checkpoint

from asrtools.errors import ConfigError

CONTEXT_FRAMES = 100  # of the stretches whose means stand beside the mean of the whole


def nonlinearity(config_str: str, channels: int) -> nn.Sequential:
    """What a string such as `batchnorm-relu` names, in that order."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for name in config_str.split("-"):
        if name == "relu":
            parts["relu"] = nn.ReLU()
        elif name == "prelu":
            parts["prelu"] = nn.PReLU(channels)
        elif name == "batchnorm":
            parts["batchnorm"] = nn.BatchNorm1d(channels)
        elif name == "batchnorm_":
            parts["batchnorm"] = nn.BatchNorm1d(channels, affine=False)
        else:
            raise ConfigError(f"config_str {config_str!r}: {name!r} is not one of batchnorm, batchnorm_, relu, prelu")
    return nn.Sequential(parts)


class TdnnLayer(nn.Module):
    """A convolution over time that keeps its middle frame in place, and its nonlinearity."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, config_str: str):
        super().__init__()
        padding = (kernel_size - 1) // 2
        self.linear = nn.Conv1d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=False)
        self.nonlinear = nonlinearity(config_str, out_channels)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, T]
        return self.nonlinear(self.linear(x))


class ContextMask(nn.Module):
    """A convolution over time whose channels are weighted by what was heard around; `linear_local linear1 linear2`."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, dilation: int, reduction: int = 2):
        super().__init__()
        padding = (kernel_size - 1) // 2 * dilation
        self.linear_local = nn.Conv1d(
            in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, bias=False
        )
        self.linear1 = nn.Conv1d(in_channels, in_channels // reduction, 1)
        self.linear2 = nn.Conv1d(in_channels // reduction, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, T]
        stretches = avg_pool1d(x, CONTEXT_FRAMES, CONTEXT_FRAMES, ceil_mode=True)  # [B, C, S]
        context = x.mean(dim=-1, keepdim=True) + stretches
        mask = torch.sigmoid(self.linear2(torch.relu(self.linear1(context))))
        mask = mask[..., torch.arange(x.shape[-1], device=x.device) // CONTEXT_FRAMES]
        return self.linear_local(x) * mask


class DenseTdnnLayer(nn.Module):
    """From all channels so far to `out_channels` new ones, through `bn_channels`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        bn_channels: int,
        kernel_size: int,
        dilation: int,
        config_str: str,
        memory_efficient: bool,
    ):
        super().__init__()
        self.memory_efficient = memory_efficient
        self.nonlinear1 = nonlinearity(config_str, in_channels)
        self.linear1 = nn.Conv1d(in_channels, bn_channels, 1, bias=False)
        self.nonlinear2 = nonlinearity(config_str, bn_channels)
        self.cam_layer = ContextMask(bn_channels, out_channels, kernel_size, dilation)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, T]
        if self.training and self.memory_efficient:
            x = checkpoint(self._narrow, x, use_reentrant=False)
        else:
            x = self._narrow(x)
        return self.cam_layer(self.nonlinear2(x))

    def _narrow(self, x: Tensor) -> Tensor:
        return self.linear1(self.nonlinear1(x))


class DenseTdnnBlock(nn.ModuleDict):
    """Layers `tdnnd1 tdnnd2 ...`, each of which adds its channels to those before."""

    def __init__(
        self,
        num_layers: int,
        in_channels: int,
        out_channels: int,
        bn_channels: int,
        kernel_size: int,
        dilation: int,
        config_str: str,
        memory_efficient: bool,
    ):
        super().__init__()
        for i in range(num_layers):
            width = in_channels + i * out_channels
            self[f"tdnnd{i + 1}"] = DenseTdnnLayer(
                width, out_channels, bn_channels, kernel_size, dilation, config_str, memory_efficient
            )

    def forward(self, x: Tensor) -> Tensor:  # [B, C, T]
        for layer in self.values():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class TransitLayer(nn.Module):
    """Between two blocks: fewer channels."""

    def __init__(self, in_channels: int, out_channels: int, config_str: str):
        super().__init__()
        self.nonlinear = nonlinearity(config_str, in_channels)
        self.linear = nn.Conv1d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, T]
        return self.linear(self.nonlinear(x))


class StatsPool(nn.Module):
    """Mean and standard deviation over time; that of a single frame is 0."""

    def forward(self, x: Tensor) -> Tensor:  # [B, C, T] -> [B, 2 C]
        mean = x.mean(dim=-1)
        if torch.jit.is_tracing():  # written out, for runtimes that know no standard deviation of any length
            num = torch.ones_like(x[0, 0]).sum()
            spread = ((x - mean[..., None]).square().sum(dim=-1) / (num - 1).clamp(min=1)).sqrt()
        else:
            spread = x.std(dim=-1) if x.shape[-1] > 1 else torch.zeros_like(mean)
        return torch.cat([mean, spread], dim=-1)


class DenseLayer(nn.Module):
    """Statistics to the embedding."""

    def __init__(self, in_channels: int, out_channels: int, config_str: str):
        super().__init__()
        self.linear = nn.Conv1d(in_channels, out_channels, 1, bias=False)
        self.nonlinear = nonlinearity(config_str, out_channels)

    def forward(self, x: Tensor) -> Tensor:  # [B, C]
        return self.nonlinear(self.linear(x.unsqueeze(-1)).squeeze(-1))
