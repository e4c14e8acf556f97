"""Speed perturbation: a recording played faster or slower, tempo and pitch together, as sox `speed`."""

from collections.abc import Sequence

import numpy as np
import soxr

from asrtools.errors import ConfigError
from asrtools.features.fbank import as_signal
from asrtools.register import tables


def perturb(samples: np.ndarray, factor: float) -> np.ndarray:
    """[N] samples, float or int16, to round(N / factor) samples of the same kind, `factor` times as fast."""
    signal = as_signal(samples)
    _check_factor(factor)
    if factor == 1.0 or not len(signal):
        return signal
    wanted = max(1, round(len(signal) / factor))
    out = soxr.resample(signal, factor, 1.0)[:wanted]
    # the resampler may stop a sample early
    return np.pad(out, (0, wanted - len(out)), mode="edge" if len(out) else "constant")


@tables.register("preprocessor_classes", "SpeechPreprocessSpeedPerturb")
class SpeedPerturb:
    """Plays each utterance at one of the given speeds, drawn evenly; the keyword is the published one."""

    def __init__(self, speed_perturb: Sequence[float] | None = None):
        self.factors = tuple(float(factor) for factor in speed_perturb or (1.0,))
        for factor in self.factors:
            _check_factor(factor)

    def __call__(self, samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """[N] samples to [round(N / factor)]."""
        return perturb(samples, self.factors[int(rng.integers(len(self.factors)))])


def _check_factor(factor: float) -> None:
    if not 0.1 <= factor <= 10:
        raise ConfigError(f"speed factor is {factor}; 0.1 to 10 is expected, usual are 0.9, 1.0 and 1.1")
