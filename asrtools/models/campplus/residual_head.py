"""The head of CAM++: a small residual network over the spectrogram, which takes the mel axis down by eight."""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

CHANNELS = 32


class BasicResBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut; `stride` is that of the mel axis."""

    def __init__(self, in_channels: int, channels: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            narrowing = nn.Conv2d(in_channels, channels, 1, stride=(stride, 1), bias=False)
            self.shortcut = nn.Sequential(narrowing, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:  # [B, C, F, T]
        inner = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(inner + self.shortcut(x))


class ResidualHead(nn.Module):
    """Spectrogram [B, F, T] to [B, CHANNELS * F // 8, T]; parameters `conv1 bn1 layer1 layer2 conv2 bn2`."""

    def __init__(self, feat_dim: int = 80):
        super().__init__()
        self.conv1 = nn.Conv2d(1, CHANNELS, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(CHANNELS)
        self.layer1 = nn.Sequential(BasicResBlock(CHANNELS, CHANNELS, 2), BasicResBlock(CHANNELS, CHANNELS))
        self.layer2 = nn.Sequential(BasicResBlock(CHANNELS, CHANNELS, 2), BasicResBlock(CHANNELS, CHANNELS))
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(CHANNELS)
        self.out_channels = CHANNELS * (feat_dim // 8)

    def forward(self, x: Tensor) -> Tensor:
        x = relu(self.bn1(self.conv1(x.unsqueeze(1))))  # [B, C, F, T]
        x = self.layer2(self.layer1(x))
        x = relu(self.bn2(self.conv2(x)))
        return torch.flatten(x, 1, 2)
