"""The modules of FunASR that published model files import, with ours behind their names."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asrtools.io.audio import load
from asrtools.io.samples import to_float
from asrtools.layers.ctc import CTC
from asrtools.layers.loss import LabelSmoothingLoss
from asrtools.register import tables
from asrtools.text.rich_tags import rich_transcription_postprocess
from asrtools.text.surface import funasr_surface


def make_modules() -> dict[str, ModuleType]:
    """Module by name; a package is entered with the parts that lead to it."""
    contents: dict[str, dict[str, Any]] = {
        "funasr.register": {"tables": tables},
        "funasr.utils.load_utils": {
            "load_audio_text_image_video": load_audio_text_image_video,
            "extract_fbank": extract_fbank,
        },
        "funasr.utils.datadir_writer": {"DatadirWriter": DatadirWriter},
        "funasr.utils.postprocess_utils": {
            "rich_transcription_postprocess": rich_transcription_postprocess,
            "sentence_postprocess": sentence_postprocess,
        },
        "funasr.train_utils.device_funcs": {"force_gatherable": force_gatherable, "to_device": to_device},
        "funasr.losses.label_smoothing_loss": {"LabelSmoothingLoss": LabelSmoothingLoss},
        "funasr.metrics.compute_acc": {"th_accuracy": th_accuracy, "compute_accuracy": th_accuracy},
        "funasr.models.ctc.ctc": {"CTC": OutsideCTC},
    }
    modules: dict[str, ModuleType] = {}
    for name, values in contents.items():
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            path = ".".join(parts[:end])
            if path not in modules:
                modules[path] = ModuleType(path)
                modules[path].__path__ = []  # a package, so that what it lacks is an ImportError
                if end > 1:
                    setattr(modules[".".join(parts[: end - 1])], parts[end - 1], modules[path])
        vars(modules[name]).update(values)
    return modules


def load_audio_text_image_video(
    data_or_path_or_list: Any,
    fs: int = 16000,
    audio_fs: int = 16000,
    data_type: Any = "sound",
    tokenizer: Any = None,
    **_: Any,
) -> Any:
    """Paths, bytes or samples to float32 [N] at the rate `fs`; texts to token ids, where there is a tokenizer."""
    given = data_or_path_or_list
    if isinstance(given, list | tuple):
        types = data_type if isinstance(data_type, list | tuple) else [data_type] * len(given)
        return [
            load_audio_text_image_video(one, fs, audio_fs, kind, tokenizer)
            for one, kind in zip(given, types, strict=True)
        ]
    if data_type == "text":
        return tokenizer.encode(given) if tokenizer is not None else given
    if data_type == "fbank":
        return given
    if isinstance(given, Tensor):
        given = given.detach().cpu().numpy()
    if isinstance(given, np.ndarray) and fs == audio_fs:
        return torch.from_numpy(to_float(given, "samples"))
    return torch.from_numpy(load(given, rate=fs, fs=audio_fs).samples)


def extract_fbank(
    data: Any, data_len: Any = None, data_type: str = "sound", frontend: Any = None, **_: Any
) -> tuple[Tensor, Tensor]:
    """Samples of each to features padded with zeros [B, T, D] and their lengths [B]."""
    items = list(data) if isinstance(data, list | tuple) else list(data[None] if data.ndim == 1 else data)
    if data_len is not None:
        items = [item[: int(length)] for item, length in zip(items, data_len, strict=True)]
    feats = [torch.from_numpy(frontend(np.asarray(item, dtype=np.float32))) for item in items]
    lens = torch.tensor([len(one) for one in feats])
    return torch.nn.utils.rnn.pad_sequence(feats, batch_first=True), lens


def sentence_postprocess(words: Sequence[str], time_stamp: Sequence | None = None) -> tuple:
    if time_stamp is None:
        surface = funasr_surface(words)
        return surface.text, list(surface.words)
    surface = funasr_surface(words, [(begin, end) for begin, end in time_stamp])
    return surface.text, [list(span) for span in surface.spans or ()], list(surface.words)


class DatadirWriter:
    """`writer["1best_recog"]["text"][key] = value`: a line in a file of that name."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._file: Any = None
        self._children: dict[str, DatadirWriter] = {}

    def __getitem__(self, name: str) -> "DatadirWriter":
        return self._children.setdefault(name, DatadirWriter(self.path / name))

    def __setitem__(self, key: str, value: Any) -> None:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
        self._file.write(f"{key} {value}\n")
        self._file.flush()

    def close(self) -> None:
        for child in self._children.values():
            child.close()
        if self._file is not None:
            self._file.close()


class OutsideCTC(CTC):
    """Called and asked for its log-probabilities in the published way."""

    def __init__(self, odim: int, encoder_output_size: int, **conf: Any):
        super().__init__(odim, encoder_output_size, **conf)

    def forward(self, hs_pad: Tensor, hlens: Tensor, ys_pad: Tensor, ys_lens: Tensor) -> Tensor:
        return self.loss(hs_pad, hlens, ys_pad, ys_lens)

    def log_softmax(self, hs_pad: Tensor) -> Tensor:
        return self.ctc_lo(hs_pad).float().log_softmax(-1)

    def argmax(self, hs_pad: Tensor) -> Tensor:
        return self.ctc_lo(hs_pad).argmax(-1)


def th_accuracy(pad_outputs: Tensor, pad_targets: Tensor, ignore_label: int) -> Tensor:
    """Rows of scores [B * N, V] or [B, N, V] against targets [B, N]."""
    predicted = pad_outputs.view(*pad_targets.shape, -1).argmax(-1)
    is_token = pad_targets != ignore_label
    return ((predicted == pad_targets) & is_token).sum() / is_token.sum()


def force_gatherable(data: Any, device: Any) -> Any:
    """Numbers as tensors [1] on the device, in whatever they stand in."""
    if isinstance(data, dict):
        return {name: force_gatherable(value, device) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(force_gatherable(value, device) for value in data)
    if isinstance(data, int | float):
        return torch.tensor([data], device=device)
    if isinstance(data, Tensor):
        return (data[None] if data.dim() == 0 else data).to(device)
    return data


def to_device(data: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False, copy: bool = False) -> Any:
    if isinstance(data, dict):
        return {name: to_device(value, device, dtype, non_blocking, copy) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(to_device(value, device, dtype, non_blocking, copy) for value in data)
    return data.to(device, dtype, non_blocking, copy) if isinstance(data, Tensor) else data
