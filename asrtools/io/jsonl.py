"""Records as lines of JSON, one an utterance; the keys are those of the published training lists."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from asrtools.errors import DataError
from asrtools.io.text_file import StrPath, display_name, read_lines
from asrtools.record import Hypothesis, Sentence, Token, Utterance

_FIRST = ("key", "source", "source_len", "target", "target_len")


def to_object(utterance: Utterance) -> dict[str, Any]:
    """The record as JSON has it, without fields that have their default value.

    So `text` and `target` are left out when they are None and written when they are "": an empty reference is one.
    """
    record = {name: value for name in _ORDER if (value := _plain(getattr(utterance, name))) != _DEFAULTS[name]}
    for name, value in utterance.extra.items():
        record.setdefault(name, value)
    return record


def to_line(utterance: Utterance) -> str:
    """The record as one line of JSON."""
    record = to_object(utterance)
    try:
        line = json.dumps(record, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{utterance.key}: cannot be written as JSON ({error}); values should be text and finite numbers"
        ) from error
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold as an escape and UTF-8 cannot
        return json.dumps(record, ensure_ascii=True, allow_nan=False)
    return line


def from_line(line: str, where: str, nameless: str = "") -> Utterance:
    """The record of a line; one that cannot be used has `status` error, and its key or else FILE:LINE of `where`.

    `nameless`: the key of a line that has none; without it that is an error.
    """
    try:
        data = _parsed(line, where)
    except DataError as error:
        return Utterance(os.path.basename(where), status="error", error=str(error))
    if nameless and not data.get("key"):
        data["key"] = nameless
    return from_object(data, where)


def from_object(data: Mapping[str, Any], where: str) -> Utterance:
    """The record of what a line holds."""
    try:
        return _utterance(data, where)
    except DataError as error:
        key = data.get("key")
        key = key if isinstance(key, str) and key else os.path.basename(where)
        return Utterance(key, status="error", error=str(error))


def read_jsonl(path: StrPath, keys: str = "") -> Iterator[Utterance]:
    """The records of a file or `-`, streamed; a bad line is a record with `status` error, and the rest still comes.

    `keys`: a format, of the number of the line, for the key of lines that have none.
    """
    name = display_name(path)
    for line in read_lines(path):
        where = f"{name}:{line.number}"
        if line.error:
            yield Utterance(os.path.basename(where), status="error", error=line.error)
        else:
            yield from_line(line.text, where, keys.format(line.number - 1))


def _parsed(line: str, where: str) -> dict[str, Any]:
    try:
        data = json.loads(line, parse_constant=_no_constant)
    except ValueError as error:
        cause = str(error).partition(":")[0]
        raise DataError(f"{where}: is not JSON ({cause}); should be one object on a line") from error
    except RecursionError as error:
        raise DataError(f"{where}: is nested too deeply; should be one flat object on a line") from error
    if not isinstance(data, dict):
        raise DataError(f"{where}: is {_type_name(data)}; should be a JSON object with `key` and `source`")
    return data


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _utterance(data: Mapping[str, Any], where: str) -> Utterance:
    if not data.get("key"):
        raise DataError(f'{where}: has no key; should have one, such as "key": "BAC009S0724W0121"')
    known, extra = {}, {}
    for name, value in data.items():
        check = _CHECKS.get(name)
        if check is None:
            extra[name] = value
        elif value is not None:
            known[name] = check(value, f"{where}: {name}")
    return Utterance(**known, extra=extra) if extra else Utterance(**known)


Check = Callable[[Any, str], Any]


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{where} is {_shown(value)}; should be text")
    return value


def _whole(value: Any, where: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(f"{where} is {_shown(value)}; should be a whole number")
    return value


def _count(value: Any, where: str) -> int:
    if (number := _whole(value, where)) < 0:
        raise DataError(f"{where} is {number}; should be 0 or more")
    return number


def _number(value: Any, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise DataError(f"{where} is {_shown(value)}; should be a number")
    return value


def _tags(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise DataError(f"{where} is {_shown(value)}; should be an object of names and texts")
    return {name: _text(tag, f"{where}.{name}") for name, tag in value.items()}


def _items(make: type, checks: Mapping[str, Check]) -> Check:
    """A list of objects, each to one `make`."""

    def check(value: Any, where: str) -> tuple:
        if not isinstance(value, list):
            raise DataError(f"{where} is {_shown(value)}; should be a list of objects")
        return tuple(_item(make, checks, item, f"{where}[{index}]") for index, item in enumerate(value))

    return check


def _item(make: type, checks: Mapping[str, Check], item: Any, where: str) -> Any:
    if not isinstance(item, dict):
        raise DataError(f"{where} is {_shown(item)}; should be an object with `text`")
    unknown = [name for name in item if name not in checks]
    if unknown:  # there is no place to keep it, and dropping it in silence would lose it for the next reader
        raise DataError(f"{where} has the key {unknown[0]!r}; known are {', '.join(checks)}")
    if "text" not in item:
        raise DataError(f"{where} has no text; should be an object with `text`")
    return make(**{name: checks[name](value, f"{where}.{name}") for name, value in item.items() if value is not None})


_TOKEN = {
    "text": _text,
    "start_ms": _whole,
    "end_ms": _whole,
    "confidence": _number,
    "mark": _text,
    "speaker": _text,
}
_SENTENCE = {"text": _text, "start_ms": _whole, "end_ms": _whole, "speaker": _text}
_tokens = _items(Token, _TOKEN)
_CHECKS: dict[str, Check] = {
    "key": _text,
    "source": _text,
    "source_len": _count,
    "start_ms": _count,
    "end_ms": _count,
    "channel": _count,
    "recording": _text,
    "target": _text,
    "target_len": _count,
    "text": _text,
    "tokens": _tokens,
    "sentences": _items(Sentence, _SENTENCE),
    "speaker": _text,
    "tags": _tags,
    "nbest": _items(Hypothesis, {"text": _text, "score": _number, "tokens": _tokens}),
    "status": _text,
    "error": _text,
}
_NAMES = [field.name for field in fields(Utterance) if field.name not in (*_FIRST, "extra")]
_ORDER = (*_FIRST, *_NAMES)


def _plain(value: Any) -> Any:
    """Nested records as dicts without their default fields."""
    if isinstance(value, tuple):
        return [_object(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _object(item: Any) -> dict[str, Any]:
    written = {}
    for field in fields(item):
        value = _plain(getattr(item, field.name))
        if field.name == "text" or (value is not None and value != "" and value != []):
            written[field.name] = value
    return written


_DEFAULTS: dict[str, Any] = {name: _plain(getattr(Utterance(""), name)) for name in _ORDER}
_DEFAULTS["key"] = None  # always written


def _type_name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 40 else shown[:40] + "..."
