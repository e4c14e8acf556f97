"""When tokens were spoken, of networks with a CTC head: where CTC says them."""

import pytest
import torch
from torch import Tensor, nn

from asrtools.layers.ctc_path import said_of
from asrtools.models.protocols import Decoded, DecodeOptions, Emission
from asrtools.models.transformer.ctc_model import CtcModel
from asrtools.tasks.token_times import spans_of

SIZE = 6
FRAMES = [0, 0, 5, 5, 0, 3, 0, 3, 3, 4]  # what CTC says in each frame


class Told(nn.Module):
    """An encoder whose output is its input."""

    subsampling = 4

    def output_size(self) -> int:
        return SIZE

    def forward(self, feats: Tensor, lens: Tensor) -> tuple[Tensor, Tensor]:
        return feats, lens


@pytest.fixture
def network() -> CtcModel:
    made = CtcModel(Told(), SIZE).eval()
    made.ctc.ctc_lo.weight.data.copy_(10 * torch.eye(SIZE))
    made.ctc.ctc_lo.bias.data.zero_()
    return made


def heard(frames: list[int]) -> Tensor:
    return nn.functional.one_hot(torch.tensor(frames), SIZE).float()


@pytest.mark.parametrize("options", [DecodeOptions(), DecodeOptions(beam_size=3)])
def test_a_token_lasts_as_long_as_ctc_says_it(network: CtcModel, options: DecodeOptions) -> None:
    feats = torch.stack([heard(FRAMES), torch.cat([heard([0, 3, 0]), torch.full((7, SIZE), 9.0)])])
    whole, short = network.recognize(feats, torch.tensor([10, 3]), options)
    assert whole[0].ids == (5, 3, 3, 4)
    assert spans_of(whole[0], 10) == [(80, 160), (200, 240), (280, 360), (360, 400)]  # 40 ms a frame
    assert short[0].ids == (3,)
    assert spans_of(short[0], 10) == [(40, 80)]


def test_times_are_left_out_where_nobody_wants_them(network: CtcModel) -> None:
    (found,) = network.recognize(heard(FRAMES)[None], torch.tensor([10]), DecodeOptions(timestamps=False))
    assert found[0].timing is None
    assert found[0].ids == (5, 3, 3, 4)


def test_a_text_that_does_not_fit_its_frames_is_laid_out_evenly() -> None:
    log_probs = heard([0, 3]).log_softmax(-1)
    ids = (3, 3, 4)
    timing = Emission(said_of(log_probs, ids, 0), 4)
    assert spans_of(Decoded(ids, timing=timing), 10) == [(0, 26), (26, 53), (53, 80)]
