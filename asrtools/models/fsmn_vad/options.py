"""What a configuration says about voice activity beside the network: published names, defaults and meanings."""

import math
from dataclasses import dataclass

from asrtools.errors import ConfigError

ANY_NUMBER, ONE = 1, 0  # values of detect_mode


@dataclass(frozen=True)
class VadOptions:
    """`model_conf` of a VAD model; times in ms. Those marked (unused) are in published configs and change nothing."""

    sample_rate: int = 16000
    detect_mode: int = ANY_NUMBER  # 0: the first stretch of speech only
    snr_mode: int = 0  # (unused)
    max_end_silence_time: int | float = 800  # so much silence ends a segment
    max_start_silence_time: int | float = 3000  # detect_mode 0: so much silence ends the search
    do_start_point_detection: bool = True  # (unused)
    do_end_point_detection: bool = True  # (unused)
    window_size_ms: int | float = 200  # frames are counted in a window of this size
    sil_to_speech_time_thres: int | float = 150  # so much speech in the window begins speech
    speech_to_sil_time_thres: int | float = 150  # no more than that ends it
    speech_2_noise_ratio: float = 1.0  # exponent of the probability of silence
    do_extend: int | bool = 1  # whether segments reach beyond the window at both ends
    lookback_time_start_point: int | float = 200
    lookahead_time_end_point: int | float = 100
    max_single_segment_time: int | float = 60000  # a longer segment is cut
    nn_eval_block_size: int = 8  # (unused)
    dcd_block_size: int = 4  # (unused)
    snr_thres: float = -100.0  # dB above the noise that a frame of speech has at least
    noise_frame_num_used_for_snr: int = 100  # frames over which the level of the noise is averaged
    decibel_thres: float = -100.0  # dB that a frame of speech has at least
    speech_noise_thres: float = 0.6  # by so much speech must be more probable than silence
    fe_prior_thres: float = 1e-4  # 1 or more: nothing is speech
    silence_pdf_num: int = 1
    sil_pdf_ids: tuple = (0,)  # outputs of the network that are silence
    speech_noise_thresh_low: float = -0.1  # (unused)
    speech_noise_thresh_high: float = 0.3  # (unused)
    output_frame_probs: bool = False  # (unused)
    frame_in_ms: int = 10
    frame_length_ms: int | float = 25

    def __post_init__(self) -> None:
        ids = self.sil_pdf_ids
        if not isinstance(ids, list | tuple) or not ids or not all(type(one) is int and one >= 0 for one in ids):
            raise ConfigError(f"sil_pdf_ids is {ids!r}; a list of the network's outputs is wanted, such as [0]")
        object.__setattr__(self, "sil_pdf_ids", tuple(ids))
        if self.silence_pdf_num != len(ids):
            raise ConfigError(f"silence_pdf_num is {self.silence_pdf_num}, and sil_pdf_ids has {len(ids)} entries")
        if self.detect_mode not in (ANY_NUMBER, ONE):
            raise ConfigError(f"detect_mode is {self.detect_mode}; 1 (any number of segments) or 0 (one) is wanted")
        self._check_at_least("sample_rate", 1)
        self._check_at_least("frame_in_ms", 1)
        for name in ("frame_length_ms", "window_size_ms", "max_single_segment_time"):
            self._check_at_least(name, self.frame_in_ms)
        for name in (
            "max_end_silence_time",
            "max_start_silence_time",
            "sil_to_speech_time_thres",
            "speech_to_sil_time_thres",
            "lookback_time_start_point",
            "lookahead_time_end_point",
        ):
            self._check_at_least(name, 0)
        self._check_at_least("noise_frame_num_used_for_snr", 1)
        for name in ("speech_2_noise_ratio", "snr_thres", "decibel_thres", "speech_noise_thres"):
            if not math.isfinite(getattr(self, name)):
                raise ConfigError(f"{name} is {getattr(self, name)}; a finite number is wanted")

    def _check_at_least(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if not value >= least or not math.isfinite(value):
            raise ConfigError(f"{name} is {value}; {least} or more is wanted")

    def frames(self, ms: float) -> int:
        """Whole frames in a time."""
        return int(ms / self.frame_in_ms)

    @property
    def end_silence_ms(self) -> float:
        """Silence after the window has found the end of speech, until the segment ends."""
        return self.max_end_silence_time - self.speech_to_sil_time_thres

    @property
    def latency(self) -> int:
        """Frames by which a segment begins before the frame at which the window finds speech."""
        latency = self.frames(self.window_size_ms)
        return latency + self.frames(self.lookback_time_start_point) if self.do_extend else latency
