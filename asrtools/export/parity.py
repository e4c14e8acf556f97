"""An exported file beside the network it was made from: the same features through both."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor

from asrtools.build import LoadedModel
from asrtools.errors import DataError, ModelError
from asrtools.export.graph import Graph
from asrtools.runtime.session import OnnxSession
from asrtools.runtime.torchscript import TorchscriptSession

# largest difference of an output, beside what is largest in it, and least agreement of the choices made from it
TOLERANCE = {"fp32": (1e-4, 1.0), "fp16": (float("inf"), 0.95), "int8": (float("inf"), 0.8)}
LENGTH_STEP = 0.75  # the second row of a batch is so much shorter than the first
ROWS = 2
BLANK = 0
SAME_WAY = 0.99  # least cosine
NUM_WORDS = 60  # of a generated text

Run = Callable[[Mapping[str, Tensor]], list[np.ndarray]]


@dataclass(frozen=True)
class Parity:
    """What the comparison found."""

    largest_difference: float  # beside the largest value of that output
    agreement: float  # of the likeliest class, over all frames, tokens or words
    num_compared: int
    token_edits: int  # from the model's tokens to the file's
    num_tokens: int  # of the model; 0 of what has none
    seconds_torch: float
    seconds_exported: float
    seconds_of_audio: float  # 0 of texts

    @property
    def token_error_rate(self) -> float | None:
        """Of the file's tokens, with the model's as the reference."""
        return self.token_edits / self.num_tokens if self.num_tokens else None

    def figures(self) -> dict[str, float | int | None]:
        audio = self.seconds_of_audio
        return {
            "largest_difference": self.largest_difference,
            "token_agreement": self.agreement,
            "tokens_compared": self.num_compared,
            "token_error_rate": self.token_error_rate,
            "real_time_factor_torch": self.seconds_torch / audio if audio else None,
            "real_time_factor_exported": self.seconds_exported / audio if audio else None,
        }


def runs(path: Path, graph: Graph) -> Run:
    """An exported file with all its outputs, the hidden ones too."""
    is_onnx = path.suffix == ".onnx"
    session = OnnxSession(path, num_threads=torch.get_num_threads()) if is_onnx else TorchscriptSession(path)

    def run(inputs: Mapping[str, Tensor]) -> list[np.ndarray]:
        try:
            return list(session({name: value.numpy() for name, value in inputs.items()}, graph.hidden).values())
        except DataError as error:
            sizes = ", ".join(f"{name} {list(value.shape)}" for name, value in inputs.items())
            raise ModelError(f"{path.name}: {error}; inputs {sizes}") from error

    run(graph.inputs)  # what is set up at the first call is not part of the time
    return run


def compare(graph: Graph, run: Run, model: LoadedModel, feats: Iterable[np.ndarray]) -> Parity:
    """Each utterance alone and in a batch with a shorter part of itself, so that padding is looked at too."""
    largest, same, count, edits, num_tokens = 0.0, 0, 0, 0, 0
    spent_torch = spent_exported = audio = 0.0
    for one in [None] if graph.checks else feats:
        for inputs in graph.checks if one is None else [inputs_of(graph, one, rows) for rows in (1, ROWS)]:
            started = time.perf_counter()
            with torch.no_grad():
                outputs = graph.network(*inputs.values())
            wanted = [out.numpy() for out in (outputs if isinstance(outputs, tuple) else (outputs,))]
            between = time.perf_counter()
            found = run(inputs)
            spent_exported += time.perf_counter() - between
            spent_torch += between - started
            if model.frontend is not None and one is not None:
                step = getattr(model.frontend, "frame_shift", 10) * getattr(model.frontend, "lfr_n", 1) / 1000
                audio += step * _num_frames(inputs)
            if wanted[0].shape[1:2] == (0,):  # nothing to say; the file then has a row that does not count
                found[0] = found[0][:, :0]
            for want, have in zip(wanted, found, strict=True):
                largest = max(largest, difference(want, have))
            agree = agreement(wanted[0], found[0])
            same, count = same + int(agree.sum()), count + agree.size
            for one_text, other in zip(tokens_of(graph, wanted), tokens_of(graph, found), strict=True):
                edits += Levenshtein.distance(one_text, other)
                num_tokens += len(one_text)
    if not count:
        raise ModelError(f"{model.directory}: there was nothing to compare the export on; give --verify recordings")
    return Parity(largest, same / count, count, edits, num_tokens, spent_torch, spent_exported, audio)


def tokens_of(graph: Graph, outputs: Sequence[np.ndarray]) -> list[list[int]]:
    """The token ids of each utterance, where the outputs say some: of CTC each run of frames once, without blanks."""
    found = dict(zip(graph.outputs, outputs, strict=False))
    texts = []
    if "token_num" in found:
        for logits, num in zip(found["logits"], found["token_num"].tolist(), strict=True):
            texts.append(logits[:num].argmax(-1).tolist())
    elif "ctc_logits" in found:
        for logits, num in zip(found["ctc_logits"], found["encoder_out_lens"].tolist(), strict=True):
            ids = logits[:num].argmax(-1)
            texts.append([one for one in ids[np.flatnonzero(np.diff(ids, prepend=-1))].tolist() if one != BLANK])
    return texts


def check(parity: Parity, precision: str, path: Path) -> None:
    most, least = TOLERANCE[precision]
    if not parity.largest_difference <= most:
        raise ModelError(
            f"{path}: differs from the model by {parity.largest_difference:.2g} of an output's largest value; "
            f"{most:g} at most is wanted"
        )
    if not parity.agreement >= least:
        raise ModelError(
            f"{path}: chooses as the model does in {parity.agreement:.2%} of {parity.num_compared} places; "
            f"{least:.0%} at least is wanted"
        )


def inputs_of(graph: Graph, feats: np.ndarray, rows: int) -> dict[str, Tensor]:
    """An utterance [T, D] (of a text [N]) in as many rows, the later ones shorter, zeros after their end."""
    if "batch_size" not in {axis for axes in graph.axes.values() for axis in axes.values()}:
        rows = 1
    lens = [max(1, int(len(feats) * LENGTH_STEP**row)) for row in range(rows)]
    padded = np.zeros((rows, *feats.shape), dtype=feats.dtype)
    for row, length in enumerate(lens):
        padded[row, :length] = feats[:length]
    inputs: dict[str, Tensor] = {}
    for name, example in graph.inputs.items():
        if not inputs:
            inputs[name] = torch.from_numpy(padded)
        elif name.endswith("_lengths"):
            inputs[name] = torch.tensor(lens, dtype=example.dtype)
        elif "batch_size" in graph.axes.get(name, {}).values():
            inputs[name] = example[:1].expand(rows, *example.shape[1:]).contiguous()
        else:
            inputs[name] = example
    return inputs


def _num_frames(inputs: Mapping[str, Tensor]) -> int:
    lens = inputs.get("speech_lengths")
    if lens is not None:
        return int(lens.sum())
    first = next(iter(inputs.values()))
    return first.shape[0] * first.shape[1]


def difference(wanted: np.ndarray, found: np.ndarray) -> float:
    """The largest, beside the largest value there is; another shape is infinitely far away."""
    if wanted.shape != found.shape:
        return float("inf")
    scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    return float(np.abs(wanted.astype(np.float64) - found).max(initial=0.0)) / scale


def agreement(wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Whether the likeliest class [B, N] is the same; where another number of tokens came out, the rest is not.

    Of vectors [B, E] whether each points the same way [B, 1].
    """
    if wanted.ndim == 2:
        if wanted.shape != found.shape:
            return np.zeros((len(wanted), 1), dtype=bool)
        norms = np.linalg.norm(wanted, axis=1) * np.linalg.norm(found, axis=1)
        return ((wanted * found).sum(1) >= SAME_WAY * norms)[:, None]
    num = max(wanted.shape[1], found.shape[1])
    same = np.zeros((len(wanted), num), dtype=bool)
    both = min(wanted.shape[1], found.shape[1])
    same[:, :both] = wanted[:, :both].argmax(-1) == found[:, :both].argmax(-1)
    return same


def generated(model: LoadedModel) -> list[np.ndarray]:
    """Something to compare on where no recordings are given: a sweep with noise, or words of the vocabulary."""
    random = np.random.default_rng(0)
    if model.frontend is None:
        num_words = model.network.embed.num_embeddings
        return [random.integers(0, num_words, NUM_WORDS, dtype=np.int32)]
    rate = model.frontend.fs
    time_s = np.arange(3 * rate, dtype=np.float32) / rate
    tone = np.sin(2 * np.pi * (200 + 300 * time_s) * time_s) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time_s))
    samples = 0.2 * tone + 0.02 * random.standard_normal(len(time_s))
    return [model.frontend(samples.astype(np.float32))]
