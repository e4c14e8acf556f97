"""The report as one page of HTML that needs nothing else: data, style and script are in it."""

import html
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any

from asrtools.metrics.error_rate import Scored

Extra = Mapping[str, Any]


def report_page(
    title: str,
    report: Mapping[str, Any],
    plain: str,
    scored: Sequence[Scored],
    extra_of: Callable[[str], Extra],
    second: Sequence[Scored] | None = None,
) -> str:
    """`report` with every utterance; `plain` is what readers without scripts see.

    `extra_of` gives speaker, duration_ms and audio of a key, where they are known.
    """
    utterances = [_utterance(one, extra_of(one.key)) for one in scored]
    for utterance, other in zip(utterances, second or (), strict=bool(second)):
        utterance |= {"hyp2": other.hyp if isinstance(other.hyp, str) else list(other.hyp), "steps2": other.steps}
    columns = {
        "speaker": any(one.get("speaker") for one in utterances),
        "duration": any(one.get("duration_ms") for one in utterances),
        "second": second is not None,
    }
    data = json.dumps({**report, "columns": columns, "utterances": utterances}, ensure_ascii=False)
    page = resources.files("asrtools.metrics").joinpath("report.html").read_text(encoding="utf-8")
    # The data last, and `<` escaped in it, so that no text can end the script or look like a placeholder
    head, tail = page.split("@DATA@")
    head = head.replace("@TITLE@", html.escape(title)).replace("@PLAIN@", html.escape(plain))
    return head + data.replace("<", "\\u003c") + tail


def _utterance(one: Scored, extra: Extra) -> dict[str, Any]:
    # characters as one string, which the page takes apart: a quarter of the size
    ref, hyp = (units if isinstance(units, str) else list(units) for units in (one.ref, one.hyp))
    utterance: dict[str, Any] = {"key": one.key, "ref": ref, "hyp": hyp, "steps": one.steps}
    if one.is_missing:
        utterance["missing"] = True
    return utterance | {name: value for name, value in extra.items() if value is not None}
