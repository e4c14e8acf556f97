"""What a stream remembers: the last frames, whatever the sizes of its chunks."""

import random

import pytest
import torch

from asrtools.layers.look_back import LookBack


@pytest.mark.parametrize("num_kept", [1, 7, 10, 40, -1])
def test_the_past_is_the_last_frames_in_any_order(num_kept: int) -> None:
    draw = random.Random(num_kept)
    look_back, past, number = LookBack(2, num_kept), [], 0
    for _ in range(60):
        size = draw.randrange(1, 18)
        settled = draw.randrange(0, size + 1)
        chunk = torch.arange(number, number + size).float()
        for layer in range(2):
            seen = look_back.extend(layer, (chunk + 1000 * layer)[:, None].expand(-1, 4))
            assert sorted(seen[:, 0].tolist()) == [one + 1000 * layer for one in (*past, *chunk.tolist())]
        look_back.settle(settled)
        past += chunk[:settled].tolist()
        past = past[-num_kept:] if num_kept > 0 else past
        number += settled
