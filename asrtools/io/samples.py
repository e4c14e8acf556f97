"""Sample arrays of any type to float32 in [-1, 1]."""

import numpy as np

from asrtools.errors import DataError

LOUDEST = 64.0  # floats beyond it are integers that nobody divided; a float recording may well exceed 1 a little


def to_float(array: np.ndarray, where: str) -> np.ndarray:
    """int16 / 32768 (and the like for other integers), floats as they are; [N], or [1, N] and the like."""
    array = np.asarray(array)
    if array.ndim != 1 and sum(size != 1 for size in array.shape) <= 1 and array.ndim:
        array = array.reshape(-1)
    if array.ndim != 1:
        raise DataError(f"{where}: has the shape {array.shape}; should be the samples of one channel, [N]")
    if array.dtype.kind == "f":
        return checked(array.astype(np.float32), where)
    if array.dtype == np.uint8:
        return (array.astype(np.float32) - 128) / 128
    if array.dtype.kind == "i" and array.dtype.itemsize <= 4:
        full_scale = 1 << (8 * array.dtype.itemsize - 1)
        if array.dtype.itemsize < 4:
            return array.astype(np.float32) / full_scale
        return (array / full_scale).astype(np.float32)  # by float64, for float32 holds 24 bits only
    raise DataError(f"{where}: holds {array.dtype} samples; should be int16, int32, uint8, or floats in [-1, 1]")


def checked(samples: np.ndarray, where: str) -> np.ndarray:
    """The same floats, or a DataError where they cannot be sound."""
    if samples.size:
        loudest = max(float(samples.max()), -float(samples.min()))
        if not np.isfinite(loudest):
            bad = int(np.flatnonzero(~np.isfinite(samples.reshape(len(samples), -1)).all(axis=1))[0])
            raise DataError(f"{where}: sample {bad} is not a finite number; should be in [-1, 1]")
        if loudest > LOUDEST:
            raise DataError(
                f"{where}: samples reach {loudest:g}; floats should be in [-1, 1] (divide int16 values by 32768)"
            )
    return samples


def from_pcm(data: bytes) -> np.ndarray:
    """Samples of raw 16-bit little-endian PCM."""
    return np.frombuffer(data, dtype="<i2").astype(np.float32) / 32768
