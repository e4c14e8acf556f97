"""SeacoParaformer: hotwords by a second decoder beside the first (Shi et al. 2023, arXiv 2308.03266)."""

from typing import Any

import torch
from torch import Tensor, nn

from asrtools.errors import ConfigError
from asrtools.layers.hotword import encode_hotwords, encode_padded_hotwords
from asrtools.layers.loss import LabelSmoothingLoss
from asrtools.models.bicif_paraformer.model import BiCifParaformer
from asrtools.models.paraformer.loss import Stats
from asrtools.models.protocols import DecodeOptions
from asrtools.register import tables

SCORING_LAYER = 5  # of the hotword decoder, whose attention says which hotwords an utterance is about


@tables.register("model_classes", "SeacoParaformer")
class SeacoParaformer(BiCifParaformer):
    """Parameters of BiCifParaformer, and bias_encoder (an LSTM), seaco_decoder, hotword_output_layer."""

    takes_hotwords = True

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        predictor: nn.Module,
        seaco_decoder: nn.Module,
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
        bias_encoder_bid: bool = False,
        bias_encoder_dropout_rate: float = 0.0,
        seaco_lsm_weight: float = 0.0,
        seaco_length_normalized_loss: bool = True,
        seaco_weight: float = 0.01,
        train_decoder: bool = True,
        NO_BIAS: int = 8377,
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
        self.bias_encoder = nn.LSTM(
            inner_dim,
            inner_dim,
            2,
            batch_first=True,
            dropout=bias_encoder_dropout_rate,
            bidirectional=bias_encoder_bid,
        )
        self.lstm_proj = nn.Linear(2 * inner_dim, inner_dim) if bias_encoder_bid else None
        self.seaco_decoder = seaco_decoder
        self.hotword_output_layer = nn.Linear(inner_dim, vocab_size)
        self.criterion_seaco = LabelSmoothingLoss(vocab_size, ignore_id, seaco_lsm_weight, seaco_length_normalized_loss)
        self.seaco_weight = seaco_weight
        self.train_decoder = train_decoder
        self.no_bias = NO_BIAS

    def token_log_probs(
        self, encoded: Tensor, lens: Tensor, tokens: Tensor, num_tokens: Tensor, options: DecodeOptions
    ) -> Tensor:
        hidden = self.decoder.hidden(encoded, lens, tokens, num_tokens)
        heard = self.decoder.project(hidden).float().log_softmax(-1)
        if not options.hotwords:
            return heard
        words = encode_hotwords(options.hotwords, self.decoder.embed, self.bias_encoder, self.lstm_proj)
        words = words.expand(len(encoded), *words.shape)  # [B, W, D]
        if 0 < options.num_hotwords < words.shape[1]:
            words = self.fitting(words, hidden, num_tokens, options.num_hotwords)
        expected = self.hotword_logits(words, tokens, hidden, num_tokens).float().log_softmax(-1)
        is_hotword = (expected.argmax(-1) != self.no_bias)[..., None]
        weight = options.hotword_weight * is_hotword
        return heard * (1 - weight) + expected * weight

    def hotword_logits(self, words: Tensor, tokens: Tensor, hidden: Tensor, num_tokens: Tensor) -> Tensor:
        num_words = torch.full((words.shape[0],), words.shape[1], device=words.device)
        from_audio = self.seaco_decoder(words, num_words, tokens, num_tokens)
        from_text = self.seaco_decoder(words, num_words, hidden, num_tokens)
        return self.hotword_output_layer(from_audio + from_text)

    def fitting(self, words: Tensor, hidden: Tensor, num_tokens: Tensor, num: int) -> Tensor:
        """The `num` hotwords each utterance looks at most, and the last one, which stands for none: [B, num + 1, D].

        Chosen for each utterance alone, so that its text does not depend on its neighbours in the batch.
        """
        if len(self.seaco_decoder.decoders) <= SCORING_LAYER:
            return words
        scores = self._looks(words, hidden, num_tokens)
        num = min(num, words.shape[1] - 1)
        chosen = scores.topk(num, dim=1).indices
        last = torch.full_like(chosen[:, :1], words.shape[1] - 1)
        chosen = torch.cat([chosen, last], 1)[..., None].expand(-1, -1, words.shape[2])
        return words.gather(1, chosen)

    def _looks(self, words: Tensor, hidden: Tensor, num_tokens: Tensor) -> Tensor:
        """How much each utterance looks at each hotword: [B, W]."""
        mask = torch.arange(hidden.shape[1], device=hidden.device) < num_tokens[:, None]
        x = hidden
        for layer in self.seaco_decoder.decoders[:SCORING_LAYER]:
            x = layer(x, mask, words, None)
        layer = self.seaco_decoder.decoders[SCORING_LAYER]
        x = layer.before_source(layer.with_memory(x, mask))
        looks = layer.src_attn.scores(x, words, None)  # [B, H, N, W]
        return (looks * mask[:, None, :, None]).sum((1, 2))

    def forward(
        self,
        speech: Tensor,
        speech_lengths: Tensor,
        text: Tensor,
        text_lengths: Tensor,
        hotword_pad: Tensor,
        hotword_lengths: Tensor,
        seaco_label_pad: Tensor,
        dha_pad: Tensor | None = None,
    ) -> tuple[Tensor, Stats, Tensor]:
        """As Paraformer, with hotword ids [W, L], their lengths [W], and labels [B, N]: the text, or NO_BIAS."""
        speech_lengths, text_lengths = speech_lengths.flatten(), text_lengths.flatten()
        encoded, lens = self.encode(speech, speech_lengths)
        loss = loss_seaco = self.hotword_loss(
            encoded, lens, text, text_lengths, hotword_pad, hotword_lengths.flatten(), seaco_label_pad
        )
        stats: Stats = {"loss_seaco": loss_seaco.detach()}
        if self.train_decoder:
            loss_att, _, acc = self.attention_loss(encoded, lens, text, text_lengths)
            loss = loss_seaco + self.seaco_weight * loss_att
            stats |= {"loss_att": loss_att.detach(), "acc_att": acc}
        stats["loss"] = torch.clone(loss.detach())
        return loss, stats, self.loss_weight(text_lengths)

    def hotword_loss(
        self,
        encoded: Tensor,
        lens: Tensor,
        text: Tensor,
        text_lens: Tensor,
        hotword_pad: Tensor,
        hotword_lens: Tensor,
        labels: Tensor,
    ) -> Tensor:
        _, target_lens = self.targets(text, text_lens)
        tokens, _, _ = self.predictor.to_length(encoded, lens, target_lens)
        hidden = self.decoder.hidden(encoded, lens, tokens, target_lens)
        words = encode_padded_hotwords(hotword_pad, hotword_lens, self.decoder.embed, self.bias_encoder, self.lstm_proj)
        words = words.expand(len(encoded), *words.shape)
        logits = self.hotword_logits(words, tokens, hidden, target_lens)
        return self.criterion_seaco(logits[:, : labels.shape[1]], labels)
