"""What is minimised for networks whose forward gives no loss: speakers told apart, frames that are speech."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asrtools.errors import ConfigError, DataError
from asrtools.layers.mask import frame_mask
from asrtools.models.campplus.model import CAMPPlus
from asrtools.models.fsmn_vad.model import FsmnVADStreaming

SCALE = 32.0  # the published recipe of CAM++ on 3D-Speaker and its margin
MARGIN = 0.2
MARGIN_STEPS = 2000  # over which it grows to that: from the first step on it would keep a network from learning

Losses = tuple[Tensor, dict[str, Tensor], Tensor]


class SpeakerObjective(nn.Module):
    """ArcFace (Deng et al. 2019): the angle to one's own speaker, and a margin more, against those to all others.

    `speaker_weight` is of training alone and not of the model.
    """

    def __init__(self, network: CAMPPlus, num_speakers: int):
        super().__init__()
        if num_speakers < 2:
            raise ConfigError(f"the training list has {num_speakers} speaker; two or more are wanted to tell apart")
        self.network = network
        self.speaker_weight = nn.Parameter(torch.empty(num_speakers, network.embedding_size))
        nn.init.xavier_normal_(self.speaker_weight)
        self.register_buffer("num_steps", torch.zeros((), dtype=torch.int64))

    def forward(self, speech: Tensor, speaker: Tensor, speech_lengths: Tensor | None = None) -> Losses:
        """speech [B, T, F] of one length, speaker [B]"""
        cosines = F.normalize(self.network(speech).float()) @ F.normalize(self.speaker_weight.float()).T  # [B, S]
        of_own = F.one_hot(speaker, len(self.speaker_weight)).bool()
        angles = cosines.clamp(-1 + 1e-6, 1 - 1e-6).acos()
        # beyond pi the cosine would rise again
        with_margin = (angles + self._margin()).clamp(max=torch.pi).cos()
        loss = F.cross_entropy(SCALE * torch.where(of_own, with_margin, cosines), speaker)
        acc = (cosines.argmax(1) == speaker).float().mean()
        return loss, {"loss": loss.detach(), "acc": acc}, torch.tensor(len(speech), device=loss.device)

    def _margin(self) -> Tensor | float:
        """That of this step of training; none in validation."""
        if not self.training:
            return 0.0
        self.num_steps += 1
        return MARGIN * (self.num_steps / MARGIN_STEPS).clamp(max=1.0)


class VadObjective(nn.Module):
    """Cross-entropy of frames: of their classes where those are known, of speech and silence else."""

    def __init__(self, network: FsmnVADStreaming):
        super().__init__()
        self.network = network

    def forward(
        self,
        speech: Tensor,
        speech_lengths: Tensor,
        is_speech: Tensor | None = None,
        labels: Tensor | None = None,
        is_speech_lengths: Tensor | None = None,
        labels_lengths: Tensor | None = None,
    ) -> Losses:
        """speech [B, T, D]; is_speech or labels [B, T], as long as it"""
        scores = self.network.encoder.log_probs(speech)  # [B, T, P]
        silence_ids = list(self.network.options.sil_pdf_ids)
        if labels is not None:
            found, wanted = scores, labels
        elif is_speech is not None:
            others = [index for index in range(scores.shape[-1]) if index not in silence_ids]
            if not others:
                raise ConfigError("model_conf.sil_pdf_ids names all outputs; one at least should stand for speech")
            sides = [scores[..., silence_ids].logsumexp(-1), scores[..., others].logsumexp(-1)]
            found, wanted = torch.stack(sides, -1), is_speech
        else:
            raise DataError("the data set gives neither is_speech nor labels; VadDataset gives one of them")
        known = frame_mask(speech_lengths.flatten(), speech.shape[1])
        found, wanted = found[known], wanted[known].long()
        loss = F.nll_loss(found, wanted)
        acc = (found.argmax(-1) == wanted).float().mean()
        return loss, {"loss": loss.detach(), "acc": acc}, torch.tensor(len(wanted), device=loss.device)


def objective_of(network: nn.Module, dataset: Any) -> nn.Module:
    """The network itself, where its forward gives a loss, or what gives one for it."""
    make: dict[type, Callable[[], nn.Module]] = {
        CAMPPlus: lambda: SpeakerObjective(network, len(getattr(dataset, "speakers", ()))),  # type: ignore[arg-type]
        FsmnVADStreaming: lambda: VadObjective(network),  # type: ignore[arg-type]
    }
    return make.get(type(network), lambda: network)()
