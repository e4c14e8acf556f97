import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrtools.errors import DataError
from asrtools.tasks.ctc_alignment import forced_align


def random_log_probs(frames: int, units: int, seed: int) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, 2, (frames, units))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def collapsed(path: tuple[int, ...]) -> list[int]:
    return [unit for unit, _ in itertools.groupby(path) if unit != 0]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.lists(st.integers(1, 3), max_size=4), st.integers(0, 1000))
def test_the_path_is_the_best_of_all_that_spell_the_text(frames: int, tokens: list[int], seed: int) -> None:
    log_probs = random_log_probs(frames, 4, seed)
    spelling = [path for path in itertools.product(range(4), repeat=frames) if collapsed(path) == tokens]
    if not spelling:
        with pytest.raises(DataError, match="does not fit the audio"):
            forced_align(log_probs, tokens)
        return
    best = max(spelling, key=lambda path: sum(log_probs[t, unit] for t, unit in enumerate(path)))
    path, scores = forced_align(log_probs, tokens)
    assert path.tolist() == list(best)
    np.testing.assert_array_equal(scores, log_probs[np.arange(frames), path])


def test_no_frames_and_no_tokens_are_an_empty_path() -> None:
    path, scores = forced_align(np.zeros((0, 5)), [])
    assert len(path) == len(scores) == 0


def test_ids_that_are_no_tokens_are_errors() -> None:
    for tokens in ([0], [5], [-1]):
        with pytest.raises(DataError, match="token ids should be 0 to 4"):
            forced_align(random_log_probs(9, 5, 0), tokens)


def test_torchaudio_finds_the_same_path() -> None:
    torch = pytest.importorskip("torch")
    from asrtools.features.torch_resample import load_torchaudio

    torchaudio = load_torchaudio()
    if torchaudio is None:
        pytest.skip("torchaudio cannot be imported beside this torch")
    log_probs = random_log_probs(200, 50, 1).astype(np.float32)
    tokens = np.random.default_rng(2).integers(1, 50, 40)
    try:
        wanted, _ = torchaudio.functional.forced_align(
            torch.from_numpy(log_probs)[None], torch.from_numpy(tokens)[None]
        )
    except RuntimeError as error:  # its compiled part is missing
        pytest.skip(f"torchaudio's forced_align does not run here: {error}".splitlines()[0])
    assert forced_align(log_probs, tokens)[0].tolist() == wanted[0].tolist()


def test_long_texts_are_aligned_too() -> None:
    tokens = [1 + n % 3 for n in range(300)]
    path, _ = forced_align(random_log_probs(900, 4, 5), tokens)
    assert collapsed(tuple(path.tolist())) == tokens
