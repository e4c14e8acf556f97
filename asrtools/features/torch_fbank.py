"""The frontend in torch, for padded batches on an accelerator: the same function as `WavFrontend`, to 1e-4."""

import numpy as np
import torch

from asrtools.errors import ConfigError, DataError
from asrtools.features.fbank import LOG_FLOOR
from asrtools.features.frontend import WavFrontend
from asrtools.features.mel import window_function
from asrtools.features.torch_resample import resample

PIECE_FRAMES = (512, 65536)  # on the CPU: fits its cache; elsewhere: about 1 GB


class TorchFrontend:
    """Samples [B, N] on `device` to features [B, T, D]; each row is what it would be alone, whatever its padding."""

    def __init__(self, wav_frontend: WavFrontend, device: torch.device | str = "cpu"):
        self.frontend = wav_frontend
        self.device = torch.device(device)
        options = wav_frontend.fbank.options
        if options.dither:
            raise ConfigError(f"dither is {options.dither}; TorchFrontend draws no noise, set it to 0")
        self.options = options
        self.size = options.window_size
        self.n_fft = 1 << (self.size - 1).bit_length()
        self._window = torch.from_numpy(window_function(options.window, self.size)).to(self.device)
        # double, because a float32 product may be rounded to TF32 or bfloat16 by global settings of torch
        banks = options.mel_banks(self.n_fft).T.astype(np.float64)  # [bins, n_mels]
        self._banks = torch.from_numpy(banks).to(self.device)
        cmvn = wav_frontend.cmvn
        self._cmvn = None
        if cmvn is not None:
            self._cmvn = [torch.from_numpy(v.astype(np.float32)).to(self.device) for v in (cmvn.shift, cmvn.scale)]

    def output_size(self) -> int:
        """Values in a row of features."""
        return self.frontend.output_size()

    @torch.no_grad()
    def __call__(
        self, samples: torch.Tensor, lens: torch.Tensor, rate: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Samples [B, N], float in [-1, 1) or int16, with lengths [B], to float32 [B, T, D], padded with 0, and [B].

        `rate` is that of the samples, where it is not the frontend's.
        """
        sizes = self._check(samples, lens)
        samples = samples.to(self.device)
        if samples.dtype == torch.int16:
            samples = samples.float() / 32768
        samples = samples.float()
        if rate is not None:
            samples, lens = resample(samples, lens, rate, self.options.fs)
            sizes = self._check(samples, lens)
        inside = torch.arange(samples.shape[1], device=self.device) < torch.tensor(sizes, device=self.device)[:, None]
        samples = torch.where(inside, samples, 0.0)  # what lies in the padding, also nan, has no effect
        if not bool(torch.isfinite(samples).all()):
            rows = (~torch.isfinite(samples)).any(dim=1).nonzero().flatten().tolist()
            raise DataError(f"samples of utterance {rows[0]} of the batch are nan or infinite; [-1, 1) is expected")

        feats = self._log_mel(samples * self.options.scale, sizes)
        rows = self._stack(feats, [self.frontend.fbank.num_frames(size) for size in sizes])
        if self._cmvn is not None:
            rows = (rows + self._cmvn[0]) * self._cmvn[1]
        row_lens = [self.frontend.num_frames(size) for size in sizes]
        for index, size in enumerate(sizes):  # less than a window: one frame of another size, rare enough to do apart
            if 0 < size < self.size and row_lens[index]:
                short = samples[index, :size].cpu().numpy()
                rows[index, : row_lens[index]] = torch.from_numpy(self.frontend(short)).to(self.device)
        row_lens = torch.tensor(row_lens, dtype=torch.int64, device=self.device)
        rows = rows.masked_fill((torch.arange(rows.shape[1], device=self.device) >= row_lens[:, None])[..., None], 0.0)
        return rows, row_lens

    def _check(self, samples: torch.Tensor, lens: torch.Tensor) -> list[int]:
        if samples.ndim != 2 or lens.numel() != len(samples):
            raise DataError(f"samples {tuple(samples.shape)}, lengths {tuple(lens.shape)}; [B, N] and [B] are expected")
        if not (samples.is_floating_point() or samples.dtype == torch.int16):
            raise DataError(f"samples are {samples.dtype}; float in [-1, 1) or int16 is expected")
        sizes = [int(size) for size in lens.flatten().tolist()]
        if sizes and not 0 <= min(sizes) <= max(sizes) <= samples.shape[1]:
            raise DataError(f"lengths go from {min(sizes)} to {max(sizes)}, but rows hold {samples.shape[1]} samples")
        return sizes

    def _log_mel(self, samples: torch.Tensor, sizes: list[int]) -> torch.Tensor:
        """Scaled samples [B, N] to log-mel features [B, T, n_mels]; rows shorter than a window hold nothing of use."""
        options, shift = self.options, self.options.shift
        num_frames = max((self.frontend.fbank.num_frames(size) for size in sizes), default=0)
        if not num_frames:
            return samples.new_zeros(len(sizes), 0, options.n_mels)
        first = -self.frontend.fbank.left_overhang(self.size)
        total = (num_frames - 1) * shift + self.size
        if options.snip_edges:
            samples = torch.nn.functional.pad(samples, (0, max(0, total - samples.shape[1])))[:, :total]
        else:  # mirrored at both ends of each utterance
            length = torch.tensor(sizes, device=self.device).clamp(min=1)[:, None]
            index = torch.arange(first, first + total, device=self.device)[None] % (2 * length)
            index = torch.where(index < length, index, 2 * length - 1 - index)
            samples = samples.gather(1, index)
        frames = samples.unfold(1, self.size, shift)  # [B, T, size], a view
        feats = samples.new_empty(len(sizes), num_frames, options.n_mels)
        # in pieces, because what lies between samples and features is 30 times as large as either
        step = max(1, PIECE_FRAMES[self.device.type != "cpu"] // len(sizes))
        for begin in range(0, num_frames, step):
            feats[:, begin : begin + step] = self._log_mel_of_frames(frames[:, begin : begin + step])
        return feats

    def _log_mel_of_frames(self, frames: torch.Tensor) -> torch.Tensor:
        """[B, t, size] to [B, t, n_mels]."""
        if self.options.remove_dc_offset:
            frames = frames - frames.mean(dim=2, keepdim=True)
        if self.options.preemphasis_coefficient:
            before = torch.cat([frames[..., :1], frames[..., :-1]], dim=2)
            frames = frames - self.options.preemphasis_coefficient * before
        spectrum = torch.fft.rfft(frames * self._window, n=self.n_fft)
        power = spectrum.real.square() + spectrum.imag.square()
        energies = torch.matmul(power.double(), self._banks).float()
        return energies.clamp(min=float(LOG_FLOOR)).log()

    def _stack(self, feats: torch.Tensor, frame_lens: list[int]) -> torch.Tensor:
        """[B, T, n_mels] to [B, ceil(T / n), m * n_mels], edge frames of each utterance repeated."""
        m, n = self.frontend.lfr_m, self.frontend.lfr_n
        if m == n == 1:
            return feats
        batch, num_frames, dim = feats.shape
        rows = -(-num_frames // n)
        index = torch.arange(rows, device=self.device)[:, None] * n - (m - 1) // 2 + torch.arange(m, device=self.device)
        last = torch.tensor(frame_lens, device=self.device).clamp(min=1)[:, None] - 1
        index = index.flatten()[None].clamp(min=0).minimum(last)  # [B, rows * m]
        index = index[..., None].expand(batch, rows * m, dim)
        return feats.gather(1, index).reshape(batch, rows, m * dim)
