"""Prediction and joint network of a transducer (Graves 2012, arXiv 1211.3711)."""

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.activation import activation
from asrtools.register import tables

State = tuple[Tensor, ...]  # [L, N, H], of an LSTM twice
NUM_LABEL_MASKS, LABEL_MASK_WIDTH = 4, 3


@tables.register("decoder_classes", "rnnt_decoder")
class RnntDecoder(nn.Module):
    """Labels [B, U] to [B, U, hidden_size]; parameters embed and rnn, one for each layer."""

    def __init__(
        self,
        vocab_size: int,
        embed_size: int = 256,
        hidden_size: int = 256,
        rnn_type: str = "lstm",
        num_layers: int = 1,
        dropout_rate: float = 0.0,
        embed_dropout_rate: float = 0.0,
        embed_pad: int = 0,
        use_embed_mask: bool = False,
    ):
        super().__init__()
        if rnn_type not in ("lstm", "gru"):
            raise ConfigError(f"decoder_conf.rnn_type is {rnn_type!r}; lstm or gru is wanted")
        self.hidden_size = hidden_size
        self.is_lstm = rnn_type == "lstm"
        self.use_embed_mask = use_embed_mask
        self.embed = nn.Embedding(vocab_size, embed_size, padding_idx=embed_pad)
        kind = nn.LSTM if self.is_lstm else nn.GRU
        sizes = [embed_size] + [hidden_size] * (num_layers - 1)
        self.rnn = nn.ModuleList(kind(size, hidden_size, 1, batch_first=True) for size in sizes)
        self.dropout_embed = nn.Dropout(embed_dropout_rate)
        self.dropout = nn.Dropout(dropout_rate)

    def output_size(self) -> int:
        return self.hidden_size

    def start(self, num: int) -> State:
        """Before the first label of `num` texts."""
        zeros = self.embed.weight.new_zeros(len(self.rnn), num, self.hidden_size)
        return (zeros, zeros) if self.is_lstm else (zeros,)

    def forward(self, labels: Tensor) -> Tensor:
        x = self.dropout_embed(self.embed(labels))
        if self.use_embed_mask and self.training:
            x = x * keep_some(*labels.shape, device=x.device)[..., None]
        return self._run(x, self.start(len(labels)))[0]

    def step(self, labels: Tensor, state: State) -> tuple[Tensor, State]:
        """One more label of each text [N] to [N, hidden_size]."""
        x, state = self._run(self.embed(labels[:, None]), state)
        return x[:, 0], state

    def _run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        ends: list[State] = []
        for index, layer in enumerate(self.rnn):
            before = tuple(part[index : index + 1].contiguous() for part in state)
            x, after = layer(x, before if self.is_lstm else before[0])
            ends.append(after if self.is_lstm else (after,))
            x = self.dropout(x)
        return x, tuple(torch.cat(parts) for parts in zip(*ends, strict=True))


def keep_some(num: int, num_labels: int, device: torch.device) -> Tensor:
    """bool [num, num_labels], False in a few short stretches drawn at random, so that a text is not learnt by heart."""
    shape = (num, NUM_LABEL_MASKS)
    widths = torch.randint(0, LABEL_MASK_WIDTH, shape, device=device)
    begins = torch.randint(0, max(1, num_labels - LABEL_MASK_WIDTH + 1), shape, device=device)
    places = torch.arange(num_labels, device=device)
    hidden = (begins[..., None] <= places) & (places < (begins + widths)[..., None])
    return ~hidden.any(1)


@tables.register("joint_network_classes", "joint_network")
class JointNetwork(nn.Module):
    """Frames and label states to logits; parameters lin_enc, lin_dec, lin_out."""

    def __init__(
        self,
        vocab_size: int,
        encoder_output_size: int,
        decoder_output_size: int,
        joint_space_size: int = 256,
        joint_activation_type: str = "tanh",
    ):
        super().__init__()
        self.lin_enc = nn.Linear(encoder_output_size, joint_space_size)
        self.lin_dec = nn.Linear(decoder_output_size, joint_space_size, bias=False)
        self.lin_out = nn.Linear(joint_space_size, vocab_size)
        self.activation = activation(joint_activation_type)

    def forward(self, encoded: Tensor, decoded: Tensor) -> Tensor:
        """[B, T, D] and [B, U, E] to [B, T, U, vocab_size]."""
        return self.join(self.lin_enc(encoded)[:, :, None], self.lin_dec(decoded)[:, None])

    def join(self, frames: Tensor, labels: Tensor) -> Tensor:
        """The same for what lin_enc and lin_dec gave, in any shapes that fit each other."""
        return self.lin_out(self.activation(frames + labels))
