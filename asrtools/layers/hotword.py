"""Hotwords, spelt in token ids, to one vector each."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def encode_hotwords(
    hotwords: Sequence[Sequence[int]], embed: nn.Module, lstm: nn.LSTM, projection: nn.Module | None = None
) -> Tensor:
    """What an LSTM has gathered at the last token of each hotword: [N, D]."""
    device = next(lstm.parameters()).device
    lens = torch.tensor([len(word) for word in hotwords])
    padded = torch.zeros(len(hotwords), int(lens.max()), dtype=torch.long)
    for row, word in enumerate(hotwords):
        padded[row, : len(word)] = torch.tensor(word)
    return encode_padded_hotwords(padded.to(device), lens, embed, lstm, projection)


def encode_padded_hotwords(
    padded: Tensor, lens: Tensor, embed: nn.Module, lstm: nn.LSTM, projection: nn.Module | None = None
) -> Tensor:
    """The same for ids [N, L] with lengths [N]."""
    packed = nn.utils.rnn.pack_padded_sequence(embed(padded), lens.cpu(), batch_first=True, enforce_sorted=False)
    states = nn.utils.rnn.pad_packed_sequence(lstm(packed)[0], batch_first=True)[0]
    if projection is not None:
        states = projection(states)
    return states[torch.arange(len(states), device=states.device), lens.to(states.device).long() - 1]
