"""The published models by name: the truth for aliases, ids, task, languages, sampling rate, license and companions.

What modelscope calls `iic/...` today was `damo/...` in older documents; both are known.
"""

import difflib
from collections.abc import Iterator

from asrtools.zoo.entry import Entry
from asrtools.zoo.table import ENTRIES

__all__ = ["ENTRIES", "Entry", "find", "modern", "near"]


def _names(entry: Entry) -> Iterator[str]:
    for name in (entry.alias, entry.ms, entry.hf, *entry.also):
        if name:
            yield name
            yield name.partition("/")[2] or name


_BY_NAME: dict[str, Entry] = {}
for _entry in ENTRIES:
    for _name in _names(_entry):
        _BY_NAME.setdefault(_name.lower(), _entry)


def modern(name: str) -> str:
    """An id as it is spelt today: what was damo/ is iic/."""
    return "iic/" + name.removeprefix("damo/") if name.startswith("damo/") else name


def find(name: str) -> Entry | None:
    """The entry of an alias, an id of either hub, an old id, or an id without its namespace."""
    return _BY_NAME.get(modern(name).lower())


def near(name: str) -> list[str]:
    """Known names that look like this one, best first."""
    wanted = name.rpartition("/")[2].lower()
    known = {key: entry.name for key, entry in _BY_NAME.items() if "/" not in key}
    found = difflib.get_close_matches(wanted, known, n=4, cutoff=0.55)
    return list(dict.fromkeys(known[match] for match in found))[:3]
