"""Graphs of punctuation."""

import math

import torch
from torch import Tensor, nn

from asrtools.build import LoadedModel
from asrtools.export.graph import BATCH, FRAMES, Graph
from asrtools.export.runtime_metadata import punctuation_metadata
from asrtools.layers.mask import frame_mask


class PunctuationGraph(nn.Module):
    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor, text_lengths: Tensor) -> Tensor:
        return self.network.logits(inputs.long(), text_lengths.long())


def punctuation(model: LoadedModel) -> list[Graph]:
    inputs = {
        "inputs": torch.randint(0, model.network.embed.num_embeddings, (2, max(FRAMES)), dtype=torch.int32),
        "text_lengths": torch.tensor(FRAMES, dtype=torch.int32),
    }
    axes = {"inputs": {**BATCH, 1: "feats_length"}, "text_lengths": BATCH, "logits": {**BATCH, 1: "logits_length"}}
    metadata = punctuation_metadata(model)
    return [Graph("model", PunctuationGraph(model.network), inputs, ("logits",), axes, metadata=metadata)]


class PunctuationStreamGraph(nn.Module):
    """The masks say, by numbers above 0, what each word may see: in the last layer, and in those before it."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor, text_lengths: Tensor, vad_masks: Tensor, sub_masks: Tensor) -> Tensor:
        encoder = self.network.encoder
        is_word = frame_mask(text_lengths, inputs.shape[1])
        x = self.network.embed(inputs.long()) * math.sqrt(encoder.size)
        if encoder.embed is not None:
            x = encoder.embed(x)
        *first, last = (*encoder.encoders0, *encoder.encoders)
        for layer in first:
            x = layer(x, is_word, sub_masks > 0)
        x = last(x, is_word, (vad_masks if first else sub_masks) > 0)
        return self.network.decoder(x if encoder.after_norm is None else encoder.after_norm(x))


def punctuation_stream(model: LoadedModel) -> list[Graph]:
    def inputs(num: int) -> dict[str, Tensor]:
        seen = torch.ones(1, 1, num, num)
        seen[:, :, : num // 2 - 1, num // 2 :] = 0
        return {
            "inputs": torch.randint(0, model.network.embed.num_embeddings, (1, num), dtype=torch.int32),
            "text_lengths": torch.tensor([num], dtype=torch.int32),
            "vad_masks": seen,
            "sub_masks": torch.ones(1, 1, num, num).tril(),
        }

    axes = {
        "inputs": {1: "feats_length"},
        "vad_masks": {2: "feats_length", 3: "feats_length"},
        "sub_masks": {2: "feats_length", 3: "feats_length"},
        "logits": {1: "logits_length"},
    }
    checks = tuple(inputs(num) for num in (7, 60))
    return [Graph("model", PunctuationStreamGraph(model.network), inputs(max(FRAMES)), ("logits",), axes, checks)]
