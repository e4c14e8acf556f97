"""Which frames are speech: the network's probability of silence and the loudness of the samples, held to thresholds."""

import math

import numpy as np

from asrtools.models.fsmn_vad.options import VadOptions

POWER_FLOOR = 1e-6  # added to the sum of squares, so that digital silence has a level: -60 dB


class Loudness:
    """Levels in dB of the frames of one stream of samples."""

    def __init__(self, options: VadOptions):
        self._size = int(options.frame_length_ms * options.sample_rate / 1000)
        self._shift = int(options.frame_in_ms * options.sample_rate / 1000)
        self._unit = math.gcd(self._size, self._shift)  # frames overlap, so the sums are taken of parts
        self._rest = np.zeros(0, dtype=np.float32)  # samples that fill no part yet
        self._powers = np.zeros(0)  # of the parts from the begin of the next frame on

    def accept(self, samples: np.ndarray) -> np.ndarray:
        """float32 [N] more samples to float64 [T], the levels of the frames they complete."""
        samples = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        num_parts = len(samples) // self._unit
        self._rest = samples[num_parts * self._unit :].copy()
        parts = samples[: num_parts * self._unit].reshape(num_parts, self._unit)
        powers = np.concatenate([self._powers, np.einsum("ij,ij->i", parts, parts).astype(np.float64)])
        width, step = self._size // self._unit, self._shift // self._unit
        num = max(0, (len(powers) - width) // step + 1)
        self._powers = powers[num * step :]
        if not num:
            return np.zeros(0)
        sums = sum((powers[i : i + (num - 1) * step + 1 : step] for i in range(width)), start=np.zeros(num))
        return 10 * np.log10(sums + POWER_FLOOR)


class SpeechFrames:
    """Decides frame by frame, and remembers how loud the noise of its stream is."""

    def __init__(self, options: VadOptions):
        self.options = options
        self.margin = options.speech_noise_thres  # may change from block to block
        self._noise_db: float | None = None
        self._loudest_db = -100.0  # that was counted as noise; so much is taken for it before there is any

    def decide(self, silence: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Probability of silence and dB of [T] frames to bool [T]."""
        options = self.options
        silence = silence.astype(np.float64)
        noise = silence if options.speech_2_noise_ratio == 1 else silence**options.speech_2_noise_ratio
        is_loud = levels >= options.decibel_thres
        is_speech = (1 - silence >= noise + self.margin) & is_loud
        is_noise = is_loud & ~is_speech
        noise_levels = levels[is_noise]
        self._loudest_db = max(self._loudest_db, noise_levels.max(initial=-math.inf))
        if is_speech.any() and levels[is_speech].min() - self._loudest_db < options.snr_thres:
            before = self._noise_before(is_noise, noise_levels)
            is_speech &= levels - before >= options.snr_thres
        self._average(noise_levels)
        return is_speech if options.fe_prior_thres < 1 else np.zeros_like(is_speech)

    def _average(self, noise_levels: np.ndarray) -> None:
        """Take frames of noise into the running average of their levels."""
        if not len(noise_levels):
            return
        if self._noise_db is None:
            self._noise_db, noise_levels = float(noise_levels[0]), noise_levels[1:]
        keep = 1 - 1 / self.options.noise_frame_num_used_for_snr
        weights = keep ** np.arange(len(noise_levels), -1, -1)
        self._noise_db = float(weights[0] * self._noise_db + (1 - keep) * (weights[1:] @ noise_levels))

    def _noise_before(self, is_noise: np.ndarray, noise_levels: np.ndarray) -> np.ndarray:
        """The level of the noise as it was known at each frame; -100 dB where there was none."""
        from scipy.signal import lfilter  # a slow import, and seldom wanted

        known = np.full(1 + len(noise_levels), -100.0 if self._noise_db is None else self._noise_db)
        if len(noise_levels):
            state = noise_levels[0] if self._noise_db is None else self._noise_db
            keep = 1 - 1 / self.options.noise_frame_num_used_for_snr
            known[1:] = lfilter([1 - keep], [1, -keep], noise_levels, zi=[keep * state])[0]
        return known[np.cumsum(is_noise) - is_noise]
