"""Neural language models, step by step against all at once."""

import pytest
import torch

from asrtools.errors import ConfigError
from asrtools.layers.lm import SequentialRNNLM, TransformerLM

VOCAB = 11
MODELS = {
    "transformer": lambda: TransformerLM(VOCAB, None, 8, 12, 2, 16, 2),
    "positions": lambda: TransformerLM(VOCAB, "sinusoidal", 8, 12, 2, 16, 2),
    "lstm": lambda: SequentialRNNLM(VOCAB, 8, 10),
    "gru": lambda: SequentialRNNLM(VOCAB, 8, rnn_type="gru", tie_weights=True),
    "relu": lambda: SequentialRNNLM(VOCAB, 8, nlayers=1, rnn_type="rnn_relu"),
}


@pytest.fixture(params=MODELS)
def lm(request: pytest.FixtureRequest) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS[request.param]().eval()


def test_step_by_step_gives_what_all_at_once_gives(lm: torch.nn.Module) -> None:
    tokens = torch.tensor([[1, 4, 9, 3, 3], [1, 7, 7, 2, 10]])
    with torch.inference_mode():
        together = lm(tokens)[0].log_softmax(-1)
        state = lm.start()
        for index in range(tokens.shape[1]):
            scores, state = lm.step(tokens[:, index], state)
            torch.testing.assert_close(scores, together[:, index], rtol=0, atol=1e-5)


def test_a_picked_state_is_that_of_its_text(lm: torch.nn.Module) -> None:
    with torch.inference_mode():
        _, state = lm.step(torch.tensor([1]), lm.start())
        _, state = lm.step(torch.tensor([4, 5, 6]), state.pick(torch.tensor([0, 0, 0])))
        scores, _ = lm.step(torch.tensor([8, 3]), state.pick(torch.tensor([2, 0])))
        wanted = lm(torch.tensor([[1, 6, 8], [1, 4, 3]]))[0][:, -1].log_softmax(-1)
    torch.testing.assert_close(scores, wanted, rtol=0, atol=1e-5)


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="rnn_type"):
        SequentialRNNLM(VOCAB, rnn_type="transformer")
    with pytest.raises(ConfigError, match="pos_enc"):
        TransformerLM(VOCAB, pos_enc="rotary")
    with pytest.raises(ConfigError, match="tie_weights"):
        SequentialRNNLM(VOCAB, 8, 10, tie_weights=True)
