"""DATA, the argument of the commands: lists, data directories, recordings or stdin as a stream of records."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from asrtools.errors import DataError
from asrtools.io.ark import holds_features, index_ark
from asrtools.io.audio import probe
from asrtools.io.data_dir import as_record, read_data_dir
from asrtools.io.jsonl import read_jsonl
from asrtools.io.pipe import is_pipe
from asrtools.io.scp import read_scp
from asrtools.io.sniff import AUDIO_EXTENSIONS, AUDIO_KINDS, HEAD_SIZE, PCM_EXTENSIONS, kind_of
from asrtools.io.text_file import GZIP_MAGIC, UTF16_BOMS, display_name, look_into
from asrtools.io.url import fetch, is_url, url_name
from asrtools.record import Utterance

INPUT_TYPES = ("auto", "scp", "jsonl", "text", "audio", "fbank", "pcm")
_FILES = ("audio", "pcm", "npy")  # one recording each; of the rest DATA can be only one
_BY_EXTENSION = {".scp": "scp", ".jsonl": "jsonl", ".ark": "ark", ".npy": "npy"}


def read_inputs(
    data: Sequence[str],
    input_type: str = "auto",
    fs: int = 16000,
    channel: str = "mix",
    plain: str = "scp",
    tables: Collection[str] = ("text", "utt2spk"),
    keys: str = "",
) -> Iterator[Utterance]:
    """The records of DATA: one list, one data directory, stdin (`-`), or audio files.

    `auto` goes by directory, then extension, then the first bytes; a list of lines that are not JSON is what `plain`
    says: scp (`key path`) or text (`key words`, which become the record's text). `channel`: `each` makes records KEY-0,
    KEY-1, ... of a recording that has several; a number is set in every record of audio that has none. `fs` is the rate
    of raw PCM. `tables`: which of text and utt2spk of a data directory to read. `keys`: a format, of the number of the
    line, for the key of JSON lines that have none.

    What is wrong with one line is a record with status error in its place, under its key or else `LIST:LINE`; what is
    wrong with DATA itself is a DataError at the first `next`. Lists are streamed.
    """
    if input_type not in INPUT_TYPES:
        raise DataError(f"input type {input_type!r} is not known; should be one of {', '.join(INPUT_TYPES)}")
    if channel not in ("mix", "all", "each") and not channel.isdecimal():
        raise DataError(f"channel {channel!r} is not known; should be mix, all, each, or a number from 0")
    if isinstance(data, str) or not data:
        raise DataError("no input; should be a list (wav.scp, .jsonl), a data directory, audio files or - for stdin")
    kinds = [input_kind(item, input_type, plain) for item in data]
    if len(data) > 1:
        for item, kind in zip(data, kinds, strict=True):
            if kind not in _FILES or item == "-":
                raise DataError(f"{item}: is one of {len(data)} inputs; several should all be audio files, or one list")
    if kinds[0] in _DIRECTORIES:
        records = read_data_dir(data[0], _DIRECTORIES[kinds[0]], tables)
    else:
        records = _files(data) if kinds[0] in _FILES else _READERS[kinds[0]](data[0], keys)
    records = _by_channel(records, channel, fs)
    if kinds[0] in ("jsonl", "ark", *_FILES) or channel == "each":  # the readers of the others see to it
        records = _unique(records)
    is_empty = True
    for record in records:
        is_empty = False
        yield record
    if is_empty:
        raise DataError(f"{display_name(data[0])}: is empty; should have at least one line, such as `key path`")


def input_kind(item: str, input_type: str = "auto", plain: str = "scp") -> str:
    """What one DATA is, under `read_inputs`' arguments: jsonl, text, scp, dir, audio, ...; nothing of it is used up."""
    if is_pipe(item):
        raise DataError(f"`{item}` is a pipe; give it a key in a list, as a line `key {item}`")
    if os.path.isdir(item):
        return _kind_of_dir(item, input_type, plain)
    extension = _extension(item)
    if input_type == "auto":
        return _guess(item, extension, plain)
    if input_type == "audio":
        return "audio"
    if input_type == "pcm":
        if item != "-" and extension not in PCM_EXTENSIONS:
            raise DataError(f"{item}: is to be raw PCM, which is known by its name; should end in .pcm or .raw")
        return "pcm"
    if input_type == "fbank":
        return _kind_of_features(item, extension)
    _refuse_binary(item)
    return input_type


def _kind_of_features(item: str, extension: str) -> str:
    kind = _BY_EXTENSION.get(extension, "")
    if kind in ("ark", "npy"):
        return kind
    if kind_of(_head(item)) == "ark":
        if item == "-":
            raise DataError("stdin: is an archive, which records cannot point into; write it to a file and give that")
        return "ark"
    _refuse_binary(item)
    return kind or "scp"


def _kind_of_dir(item: str, input_type: str, plain: str) -> str:
    if input_type == "text" or (input_type == "auto" and plain == "text"):
        return "dir-text"
    kind = {"auto": "dir", "scp": "dir-wav", "fbank": "dir-feats"}.get(input_type)
    if kind is None:
        raise DataError(f"{item}: is a directory; should be a file for --input-type {input_type}")
    return kind


def _guess(item: str, extension: str, plain: str) -> str:
    kind = "audio" if extension in AUDIO_EXTENSIONS else "pcm" if extension in PCM_EXTENSIONS else ""
    kind = kind or _BY_EXTENSION.get(extension, "")
    if kind in ("scp", "jsonl"):
        _refuse_binary(item)
    if kind:
        return kind
    head = _head(item)
    found = kind_of(head)
    if found in AUDIO_KINDS:
        return "audio"
    if found == "ark" and item != "-":
        return "ark"
    if found in ("json", "text", "empty") or head.startswith((GZIP_MAGIC, *UTF16_BOMS)):
        return "jsonl" if found == "json" else plain
    raise DataError(
        f"{display_name(item)}: cannot tell what it is; say so with --input-type {'|'.join(INPUT_TYPES[1:])}"
    )


def _refuse_binary(item: str) -> None:
    head = _head(item)
    kind = kind_of(head)
    if kind in AUDIO_KINDS or (b"\0" in head and not head.startswith((GZIP_MAGIC, *UTF16_BOMS))):
        what = f"audio ({kind})" if kind in AUDIO_KINDS else "binary"
        raise DataError(
            f"{display_name(item)}: is {what}, not a list of lines; give --input-type audio if it is a recording"
        )


def _head(item: str) -> bytes:
    return look_into(_local(item), HEAD_SIZE)


def _local(item: str) -> str:
    return str(fetch(item)) if is_url(item) else item


def _extension(item: str) -> str:
    name = url_name(item) if is_url(item) else item
    return os.path.splitext(name.removesuffix(".gz"))[1].lower()


def _files(items: Sequence[str]) -> Iterator[Utterance]:
    for item in items:
        yield Utterance(_stem(item), item)


def _stem(item: str) -> str:
    """The file name without its extension, blanks as `_` because a Kaldi key ends at one."""
    if item == "-":
        return "stdin"
    name = (url_name(item) or urlsplit(item).netloc) if is_url(item) else os.path.basename(item)
    return re.sub(r"[\x00-\x20\x7f]+", "_", os.path.splitext(name)[0] or name)


def _scp(item: str, _: str = "") -> Iterator[Utterance]:
    for entry in read_scp(_local(item)):
        yield as_record(entry, item)


def _text(item: str, _: str = "") -> Iterator[Utterance]:
    for entry in read_scp(_local(item), allow_empty=True):
        record = as_record(entry, item)
        yield replace(record, source="", text=None if entry.error else entry.value)


def _text_of_dir(item: str, _: str = "") -> Iterator[Utterance]:
    return _text(os.path.join(item, "text"))


def _ark(item: str, _: str = "") -> Iterator[Utterance]:
    for key, place in index_ark(_local(item)):
        yield Utterance(key, place)


_DIRECTORIES = {"dir": None, "dir-wav": False, "dir-feats": True}  # whether to take feats.scp
_READERS: dict[str, Callable[[str, str], Iterator[Utterance]]] = {
    "scp": _scp,
    "text": _text,
    "jsonl": lambda item, keys: read_jsonl(_local(item), keys),
    "ark": _ark,
    "dir-text": _text_of_dir,
}


def _by_channel(records: Iterator[Utterance], channel: str, fs: int) -> Iterator[Utterance]:
    last_source, count = None, 0
    for record in records:
        is_open = record.status != "error" and record.source and record.channel is None
        if channel in ("mix", "all") or not is_open or holds_features(record.source):
            yield record
        elif channel != "each":
            yield replace(record, channel=int(channel))
        else:
            try:
                if record.source != last_source:  # the segments of a recording follow one another
                    last_source, count = record.source, probe(record.source, fs, record.key).channels
            except DataError as error:
                last_source = None
                yield replace(record, status="error", error=str(error))
                continue
            if count == 1:
                yield record
                continue
            for index in range(count):
                yield replace(record, key=f"{record.key}-{index}", channel=index)


def _unique(records: Iterator[Utterance]) -> Iterator[Utterance]:
    """A key seen before makes the second record an error; 64-bit hashes, as in read_scp."""
    seen: set[int] = set()
    for record in records:
        if record.status == "error":
            yield record
        elif hash(record.key) in seen:
            error = f"duplicate key {record.key} (of {record.source or 'a text'}); every key should stand once"
            yield Utterance(record.key, record.source, status="error", error=error)
        else:
            seen.add(hash(record.key))
            yield record
