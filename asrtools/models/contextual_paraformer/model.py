"""ContextualParaformer: Paraformer whose decoder attends to hotwords (CLAS)."""

from typing import Any

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.hotword import encode_hotwords, encode_padded_hotwords
from asrtools.layers.loss import accuracy, length_loss
from asrtools.models.paraformer.loss import Stats
from asrtools.models.paraformer.model import Paraformer
from asrtools.models.protocols import DecodeOptions
from asrtools.register import tables


@tables.register("model_classes", "ContextualParaformer")
class ContextualParaformer(Paraformer):
    """Parameters of Paraformer, and bias_encoder (an LSTM), bias_embed."""

    takes_hotwords = True

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        predictor: nn.Module,
        vocab_size: int,
        normalize: nn.Module | None = None,
        ctc_conf: dict[str, Any] | None = None,
        ctc_weight: float = 0.5,
        ignore_id: int = -1,
        blank_id: int = 0,
        sos: int = 1,
        eos: int = 2,
        lsm_weight: float = 0.0,
        length_normalized_loss: bool = False,
        predictor_weight: float = 0.0,
        predictor_bias: int = 0,
        sampling_ratio: float = 0.2,
        share_embedding: bool = False,
        inner_dim: int = 256,
        bias_encoder_type: str = "lstm",
        bias_encoder_dropout_rate: float = 0.0,
        use_decoder_embedding: bool = False,
        target_buffer_length: int = -1,
        crit_attn_weight: float = 0.0,
        crit_attn_smooth: float = 0.0,
    ):
        super().__init__(
            encoder,
            decoder,
            predictor,
            vocab_size,
            normalize,
            ctc_conf,
            ctc_weight,
            ignore_id,
            blank_id,
            sos,
            eos,
            lsm_weight,
            length_normalized_loss,
            predictor_weight,
            predictor_bias,
            sampling_ratio,
            share_embedding,
        )
        if bias_encoder_type != "lstm":
            raise ConfigError(f"model_conf.bias_encoder_type is {bias_encoder_type!r}; should be lstm")
        self.bias_encoder = nn.LSTM(inner_dim, inner_dim, 1, batch_first=True)
        self.bias_embed = nn.Embedding(vocab_size, inner_dim)
        self.use_decoder_embedding = use_decoder_embedding

    @property
    def hotword_embedding(self) -> nn.Module:
        return self.decoder.embed if self.use_decoder_embedding else self.bias_embed

    def token_log_probs(
        self, encoded: Tensor, lens: Tensor, tokens: Tensor, num_tokens: Tensor, options: DecodeOptions
    ) -> Tensor:
        words = encode_hotwords(options.hotwords or ((self.sos,),), self.hotword_embedding, self.bias_encoder)
        words = words.expand(len(encoded), *words.shape)
        logits = self.decoder(encoded, lens, tokens, num_tokens, words, options.hotword_weight)
        return logits.float().log_softmax(-1)

    def forward(
        self,
        speech: Tensor,
        speech_lengths: Tensor,
        text: Tensor,
        text_lengths: Tensor,
        hotword_pad: Tensor,
        hotword_lengths: Tensor,
        dha_pad: Tensor | None = None,
    ) -> tuple[Tensor, Stats, Tensor]:
        """As Paraformer, with hotword ids [W, L] and their lengths [W]."""
        speech_lengths, text_lengths = speech_lengths.flatten(), text_lengths.flatten()
        encoded, lens = self.encode(speech, speech_lengths)
        stats: Stats = {}
        words = encode_padded_hotwords(
            hotword_pad, hotword_lengths.flatten(), self.hotword_embedding, self.bias_encoder
        )
        words = words.expand(len(encoded), *words.shape)
        target, target_lens = self.targets(text, text_lengths)
        embedded, sums, _ = self.predictor.to_length(encoded, lens, target_lens)
        first_pass = None
        if self.sampling_ratio > 0:
            embedded, first_pass = self.sample(encoded, lens, target, target_lens, embedded, (words,))
        logits = self.decoder(encoded, lens, embedded, target_lens, words)
        predicted = (logits if first_pass is None else first_pass).argmax(-1)
        loss_att = self.criterion_att(logits, target)
        loss_pre = length_loss(target_lens, sums, self.length_normalized_loss)
        loss = self.with_ctc(loss_att, encoded, lens, text, text_lengths, stats) + self.predictor_weight * loss_pre
        stats |= {"loss_att": loss_att.detach(), "acc": accuracy(predicted, target, self.ignore_id)}
        stats |= {"loss_pre": loss_pre.detach(), "loss": torch.clone(loss.detach())}
        return loss, stats, self.loss_weight(text_lengths)
