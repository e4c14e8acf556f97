"""Loss and searches of a transducer against looking at all paths of tiny examples."""

import itertools
import math

import pytest
import torch

from asrtools.layers.rnnt import JointNetwork, RnntDecoder
from asrtools.layers.rnnt_loss import rnnt_loss
from asrtools.layers.rnnt_search import Settings, Text, beam_search, greedy_search

VOCAB, SIZE = 4, 6


@pytest.fixture(params=["lstm", "gru"])
def networks(request: pytest.FixtureRequest) -> tuple[RnntDecoder, JointNetwork]:
    torch.manual_seed(1)
    decoder = RnntDecoder(VOCAB, 5, 7, rnn_type=request.param, num_layers=2)
    joint = JointNetwork(VOCAB, SIZE, 7, 8)
    torch.nn.init.normal_(joint.lin_out.weight, std=1.5)
    return decoder.eval(), joint.eval()


def frames(num: int, seed: int = 0) -> torch.Tensor:
    return 2 * torch.randn(num, SIZE, generator=torch.Generator().manual_seed(seed))


def paths_of(log_probs: torch.Tensor, labels: list[int]) -> list[float]:
    """The log-probability of every way to say `labels` in the frames of [T, U + 1, V]."""
    num_frames, num_labels = len(log_probs), len(labels)
    found = []
    for at in itertools.combinations_with_replacement(range(num_frames), num_labels):
        total, said = 0.0, 0
        for frame in range(num_frames):
            for _ in range(at.count(frame)):
                total += float(log_probs[frame, said, labels[said]])
                said += 1
            total += float(log_probs[frame, said, 0])
        found.append(total)
    return found


def test_loss_is_the_sum_over_all_paths() -> None:
    logits = 2 * torch.randn(3, 4, 4, VOCAB, generator=torch.Generator().manual_seed(2))
    labels = torch.tensor([[1, 2, 3], [2, 2, 0], [3, 0, 0]])
    frame_lens, label_lens = torch.tensor([4, 3, 1]), torch.tensor([3, 2, 0])
    losses = rnnt_loss(logits, labels, frame_lens, label_lens)
    for row in range(3):
        num_frames, num_labels = int(frame_lens[row]), int(label_lens[row])
        log_probs = logits[row, :num_frames].log_softmax(-1)
        paths = paths_of(log_probs, labels[row, :num_labels].tolist())
        assert math.isclose(float(losses[row]), -math.log(sum(map(math.exp, paths))), rel_tol=1e-6)


def test_loss_has_the_gradient_of_its_value() -> None:
    logits = torch.randn(1, 3, 3, VOCAB, dtype=torch.float32, requires_grad=True)
    labels, lens = torch.tensor([[1, 3]]), (torch.tensor([3]), torch.tensor([2]))
    rnnt_loss(logits, labels, *lens).sum().backward()
    direction = torch.randn_like(logits)
    step = 1e-3
    with torch.no_grad():
        ahead, behind = (rnnt_loss(logits + sign * step * direction, labels, *lens).item() for sign in (1, -1))
    assert float((logits.grad * direction).sum()) == pytest.approx((ahead - behind) / (2 * step), rel=2e-3, abs=1e-3)


def test_fastemit_changes_gradients_only() -> None:
    logits = torch.randn(1, 3, 3, VOCAB, generator=torch.Generator().manual_seed(3))
    gradients = []
    for part in (0.0, 0.5):
        given = logits.clone().requires_grad_()
        loss = rnnt_loss(given, torch.tensor([[1, 3]]), torch.tensor([3]), torch.tensor([2]), fastemit=part)
        loss.sum().backward()
        gradients.append((loss.item(), given.grad))
    assert gradients[0][0] == pytest.approx(gradients[1][0])
    assert not torch.allclose(gradients[0][1], gradients[1][1])


def test_the_decoder_gives_the_same_step_by_step(networks: tuple[RnntDecoder, JointNetwork]) -> None:
    decoder, _ = networks
    labels = torch.tensor([[0, 1, 2, 3], [0, 3, 3, 1]])
    together = decoder(labels)
    state = decoder.start(2)
    for index in range(4):
        hidden, state = decoder.step(labels[:, index], state)
        torch.testing.assert_close(hidden, together[:, index])


def test_the_score_of_a_text_is_that_of_a_path(networks: tuple[RnntDecoder, JointNetwork]) -> None:
    decoder, joint = networks
    encoded = frames(3)
    for found in beam_search(encoded, decoder, joint, Settings(beam_size=3)):
        decoded = decoder(torch.tensor([[0, *found.ids]]))
        log_probs = joint(encoded[None], decoded)[0].log_softmax(-1)
        paths = paths_of(log_probs, list(found.ids))
        assert min(abs(found.score - path) for path in paths) < 1e-4
        assert len(found.log_probs) == len(found.ids)


def test_a_wide_beam_finds_the_likeliest_path(networks: tuple[RnntDecoder, JointNetwork]) -> None:
    decoder, joint = networks
    encoded = frames(2, seed=5)
    scores = {}
    for count in range(5):
        for text in itertools.product(range(1, VOCAB), repeat=count):
            decoded = decoder(torch.tensor([[0, *text]]))
            scores[text] = max(paths_of(joint(encoded[None], decoded)[0].log_softmax(-1), list(text)))
    best = max(scores, key=lambda text: scores[text])
    found = beam_search(encoded, decoder, joint, Settings(beam_size=60))
    assert found[0].ids == best
    assert found[0].score == pytest.approx(scores[best], abs=1e-4)


def test_greedy_is_the_same_in_a_batch_and_bounded(networks: tuple[RnntDecoder, JointNetwork]) -> None:
    decoder, joint = networks
    rows = [frames(6, seed=1), frames(3, seed=2), frames(1, seed=3)]
    lens = torch.tensor([len(row) for row in rows] + [0])
    batch = torch.nn.utils.rnn.pad_sequence([*rows, frames(1)], batch_first=True)
    settings = Settings(beam_size=1, max_symbols=3)
    together = greedy_search(batch, lens, decoder, joint, settings)
    for row, found in zip(rows, together, strict=False):
        (alone,) = greedy_search(row[None], torch.tensor([len(row)]), decoder, joint, settings)
        assert found.ids == alone.ids
        assert found.score == pytest.approx(alone.score, abs=1e-4)
        assert len(found.ids) <= 3 * len(row)
    assert together[-1] == Text()


def test_many_likely_labels_a_frame_do_not_take_for_ever(networks: tuple[RnntDecoder, JointNetwork]) -> None:
    decoder, joint = networks
    with torch.no_grad():
        joint.lin_out.bias[0] = -1e4  # never a blank by itself
    asked = []
    join = joint.join
    joint.join = lambda *args: asked.append(1) or join(*args)
    found = beam_search(frames(4), decoder, joint, Settings(beam_size=2, expansions_per_beam=20))
    assert len(found) == 2
    assert len(asked) <= 4 * 40


def test_a_language_model_has_a_say(networks: tuple[RnntDecoder, JointNetwork]) -> None:
    class Loves:
        def __init__(self, label: int):
            self.label = label

        def start(self) -> int:
            return 0

        def step(self, tokens: torch.Tensor, state: int) -> tuple[torch.Tensor, int]:
            scores = torch.full((len(tokens), VOCAB), -20.0)
            scores[:, self.label] = 0.0
            return scores, state + 1

    for label in (1, 2, 3):
        settings = Settings(beam_size=3, lm=Loves(label), lm_weight=2.0)
        assert set(beam_search(frames(5), *networks, settings)[0].ids) <= {label}
