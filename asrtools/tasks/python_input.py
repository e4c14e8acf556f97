"""What `AutoModel.generate(input=...)` may be given, to records and what of them is in memory."""

import difflib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asrtools.errors import DataError
from asrtools.io.pipe import is_pipe
from asrtools.io.samples import to_float
from asrtools.io.scp import split_key
from asrtools.io.source import read_inputs
from asrtools.io.text_file import read_lines
from asrtools.io.url import fetch, is_url, url_name
from asrtools.record import Utterance

LISTS = (".scp", ".txt", ".json", ".jsonl", ".text", ".ark", ".npy")
KEY = "rand_key_{:013d}"  # as FunASR calls what has no name, but the same every time
SOUNDS = ("sound", "audio", "speech", "kaldi_ark")  # what `data_type` may call recordings


@dataclass(frozen=True)
class PythonInput:
    """Records in order; `held`: samples, bytes or features of those that have no source, by key."""

    utterances: Iterable[Utterance]
    held: Mapping[str, Any] = field(default_factory=dict)


def read_audio_input(
    given: Any, lens: Any = None, data_type: str | None = None, key: str | Sequence[str] | None = None, fs: int = 16000
) -> PythonInput:
    """Paths, URLs, lists, bytes, arrays, tensors, or lists of such; `data_type="fbank"`: features and their lengths."""
    given = as_array(given)
    if _is_fbank(data_type) and not isinstance(given, str | os.PathLike):
        return _in_memory(_features(given, lens), key)
    if isinstance(given, str | os.PathLike):
        name = os.fspath(given)
        if _is_list(name):
            return PythonInput(_of_list(name, "source", fs=fs, tables=()))
        return PythonInput([_named(name, key)])
    items = list(given) if isinstance(given, list | tuple) and not _is_samples(given) else [given]
    names = _keys(key, len(items))
    utterances, held = [], {}
    for item, name in zip(items, names, strict=True):
        item = as_array(item)
        if isinstance(item, str | os.PathLike):
            utterances.append(_named(os.fspath(item), name if key is not None else None))
            continue
        utterances.append(Utterance(name))
        try:
            held[name] = _sound(item, name)
        except DataError as error:
            utterances[-1] = Utterance(name, status="error", error=str(error))
    return PythonInput(utterances, held)


def read_text_input(given: Any, key: str | Sequence[str] | None = None) -> PythonInput:
    """Texts: a string, a list of strings, or a list of `key text` lines."""
    if isinstance(given, str | os.PathLike):
        name = os.fspath(given)
        if os.path.splitext(name)[1].lower() in LISTS:
            if os.path.isfile(name):
                return PythonInput(_of_list(name, "text", plain="text"))
            if not name.split()[1:]:  # one word that ends in .txt is no sentence
                raise DataError(f"{name}: no such file; a text, or a file of `key text` lines is wanted")
        return PythonInput([Utterance(_keys(key, 1)[0], text=name)])
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise DataError(f"input is {_kind(given)}; a text, a list of texts, or a file of `key text` lines is wanted")
    names = _keys(key, len(given))
    return PythonInput([Utterance(name, text=one) for name, one in zip(names, given, strict=True)])


def read_pairs(
    given: Any, key: str | Sequence[str] | None = None, fs: int = 16000
) -> tuple[list[tuple[Utterance, Utterance]], Mapping[str, Any]]:
    """`(sound, text)`, each one input or a list of them, or a list of such tuples: the pairs, and what is in memory.

    Two lists of lines with keys are brought together by these, others in their order.
    """
    if isinstance(given, list) and given and all(isinstance(one, tuple) and len(one) == 2 for one in given):
        given = ([sound for sound, _ in given], [text for _, text in given])
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise DataError('an aligner takes input=(sound, text), data_type=("sound", "text"), or a list of such pairs')
    sounds, texts = read_audio_input(given[0], key=key, fs=fs), list(read_text_input(given[1]).utterances)
    recordings = list(sounds.utterances)
    of_sounds, of_texts = {one.key: one for one in recordings}, {one.key: one for one in texts}
    is_keyed = all(isinstance(one, str | os.PathLike) and _is_list(os.fspath(one)) for one in given)
    if is_keyed and of_sounds.keys() & of_texts.keys():
        pairs = [(one, of_texts.get(one.key) or _absent(one.key, given[1])) for one in recordings]
        pairs += [(_absent(one.key, given[0]), one) for one in texts if one.key not in of_sounds]
        return pairs, sounds.held
    if len(recordings) != len(texts):
        raise DataError(f"there are {len(recordings)} recordings and {len(texts)} texts; give one for each")
    return list(zip(recordings, texts, strict=True)), sounds.held


def _absent(key: str, where: Any) -> Utterance:
    return Utterance(key, status="error", error=f"{key}: has no line in {os.fspath(where)}")


def as_array(given: Any) -> Any:
    """A tensor as an array; anything else as it is."""
    if hasattr(given, "detach") and hasattr(given, "cpu"):  # a file has the first too
        given = given.detach().cpu()
        return (given.float() if str(given.dtype) == "torch.bfloat16" else given).numpy()
    return given


def mono(samples: np.ndarray, where: str) -> np.ndarray:
    """[N], [C, N] or [N, C] to float32 [N]: the mean of the channels, of which there are fewer than samples."""
    samples = np.asarray(samples)
    if samples.ndim == 2 and 1 not in samples.shape:
        channels = samples if samples.shape[0] < samples.shape[1] else samples.T
        return np.mean([to_float(one, where) for one in channels], axis=0, dtype=np.float32)
    return to_float(samples, where)


def _is_list(name: str) -> bool:
    if is_url(name):
        return os.path.splitext(url_name(name))[1].lower() in LISTS
    return os.path.isdir(name) or (not is_pipe(name) and os.path.splitext(name)[1].lower() in LISTS)


def _of_list(name: str, field_name: str, **how: Any) -> Iterator[Utterance]:
    """The records of a list; where no line of it has a key they have those of inputs without a name."""
    values = _without_keys(name)
    if values:
        return (Utterance(KEY.format(index), **{field_name: value}) for index, value in enumerate(values))
    return read_inputs([name], "auto", keys=KEY, **how)


def _without_keys(name: str) -> list[str]:
    """The lines of a list that is one column from end to end, a path or word each."""
    values: list[str] = []
    if os.path.isdir(name) or os.path.splitext(name)[1].lower() not in (".scp", ".txt", ".text"):
        return values
    for line in read_lines(str(fetch(name)) if is_url(name) else name):
        if line.error or split_key(line.text)[1] or line.text.startswith("{"):
            return []
        values.append(line.text)
    return values


def _is_fbank(data_type: Any) -> bool:
    """Whether features are given; a DataError where `data_type` is none of one input."""
    names = [data_type] if isinstance(data_type, str) else list(data_type or ())
    if len(names) == 1 and names[0] in ("fbank", *SOUNDS):
        return bool(names[0] == "fbank")
    if names:
        near = difflib.get_close_matches(str(names[0]), ("fbank", *SOUNDS), n=1)
        cure = f"did you mean {near[0]}?" if near else "sound or fbank is wanted of this model"
        raise DataError(f"data_type is {data_type!r}; {cure}")
    return False


def _named(name: str, key: str | Sequence[str] | None) -> Utterance:
    if key is not None:
        return Utterance(key if isinstance(key, str) else key[0], name)
    if is_pipe(name):
        return Utterance(KEY.format(0), name)
    base = url_name(name) if is_url(name) else os.path.basename(name)
    return Utterance(os.path.splitext(base)[0] or KEY.format(0), name)


def _keys(key: str | Sequence[str] | None, count: int) -> list[str]:
    if key is None:
        return [KEY.format(index) for index in range(count)]
    names = [key] if isinstance(key, str) else [str(one) for one in key]
    if len(names) != count or len(set(names)) != count:
        raise DataError(f"key names {len(set(names))} different inputs and there are {count}; give one for each")
    return names


def _is_samples(given: Sequence) -> bool:
    """A plain list of numbers."""
    return bool(len(given)) and all(isinstance(one, int | float | np.number) for one in itertools.islice(given, 8))


def _sound(item: Any, where: str) -> Any:
    if isinstance(item, bytes | bytearray | memoryview):
        return bytes(item)
    if hasattr(item, "read"):
        return item.read()
    if isinstance(item, np.ndarray):
        return mono(item, where)
    if isinstance(item, list | tuple) and _is_samples(item):
        return to_float(np.asarray(item), where)
    raise DataError(f"{where}: is {_kind(item)}; a path, URL, bytes, or an array of samples is wanted")


def _features(given: Any, lens: Any) -> Iterator[np.ndarray]:
    """[T, D], [B, T, D] with lengths, or a list of [T, D], to matrices."""
    if isinstance(given, np.ndarray) and given.ndim == 2:
        given = given[None]
    lens = [None] * len(given) if lens is None else np.asarray(as_array(lens)).reshape(-1).tolist()
    if len(lens) != len(given):
        raise DataError(f"input_len has {len(lens)} lengths and there are {len(given)} inputs; give one for each")
    for item, length in zip(given, lens, strict=True):
        matrix = np.asarray(as_array(item), dtype=np.float32)
        if matrix.ndim != 2:
            raise DataError(f"features have the shape {matrix.shape}; [T, D] is wanted, or [B, T, D] with input_len")
        yield matrix[:length]


def _in_memory(items: Iterable[np.ndarray], key: str | Sequence[str] | None) -> PythonInput:
    held = list(items)
    names = _keys(key, len(held))
    return PythonInput([Utterance(name) for name in names], dict(zip(names, held, strict=True)))


def _kind(item: Any) -> str:
    return f"a {type(item).__name__}"
