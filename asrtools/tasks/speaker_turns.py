"""From labelled windows to turns, and from turns to the speaker of a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST_S = 0.7  # a shorter turn goes to the speaker of the nearer neighbour
TOUCHING_S = 1e-4


@dataclass(frozen=True)
class SpeakerTurn:
    start_ms: int
    end_ms: int
    speaker: int


@dataclass
class _Stretch:
    start_s: float
    end_s: float
    speaker: int


def turns_of(spans: Sequence[tuple[float, float]], labels: Sequence[int]) -> list[SpeakerTurn]:
    """Windows (start and end in seconds, in the order of time, of segments that do not overlap) to turns.

    Neighbouring windows of one speaker are one turn, two speakers share what their windows have in common, and what is
    short then goes to a neighbour. In seconds, rounded as the published pipeline rounds them.
    """
    if not len(spans):
        return []
    stretches = _joined([_Stretch(*span, int(label)) for span, label in zip(spans, labels, strict=True)])
    for before, after in zip(stretches, stretches[1:], strict=False):
        if before.end_s > after.start_s + TOUCHING_S:
            before.end_s = after.start_s = (after.start_s + before.end_s) / 2
    if len(stretches) > 1:
        stretches = _smoothed(stretches)
    return [SpeakerTurn(round(1000 * one.start_s), round(1000 * one.end_s), one.speaker) for one in stretches]


def _joined(stretches: list[_Stretch]) -> list[_Stretch]:
    joined = [stretches[0]]
    for one in stretches[1:]:
        if one.speaker != joined[-1].speaker or one.start_s > joined[-1].end_s:
            joined.append(one)
        else:
            joined[-1].end_s = one.end_s
    return joined


def _smoothed(stretches: list[_Stretch]) -> list[_Stretch]:
    last = len(stretches) - 1
    for index, one in enumerate(stretches):
        rounded = round(one.start_s, 2), round(one.end_s, 2)
        if rounded[0] < rounded[1]:  # what lasts a few milliseconds stays
            one.start_s, one.end_s = rounded
        if one.end_s - one.start_s >= SHORTEST_S:
            continue
        before, after = stretches[max(0, index - 1)], stretches[min(last, index + 1)]
        is_nearer_before = one.start_s - before.end_s <= after.start_s - one.end_s
        one.speaker = (before if index == last or (index > 0 and is_nearer_before) else after).speaker
    return _joined(stretches)


def merged_turns(turns: Sequence[SpeakerTurn]) -> list[SpeakerTurn]:
    """Turns of segments that may overlap, in the order of time: those of one speaker that meet are one."""
    open_turns: dict[int, SpeakerTurn] = {}
    merged = []
    for turn in sorted(turns, key=_order):
        known = open_turns.get(turn.speaker)
        if known is not None and turn.start_ms <= known.end_ms:
            turn = SpeakerTurn(known.start_ms, max(known.end_ms, turn.end_ms), turn.speaker)
        elif known is not None:
            merged.append(known)
        open_turns[turn.speaker] = turn
    return sorted([*merged, *open_turns.values()], key=_order)


def _order(turn: SpeakerTurn) -> tuple[int, int, int]:
    return turn.start_ms, turn.end_ms, turn.speaker


def speaker_of(start_ms: int, end_ms: int, turns: Sequence[SpeakerTurn]) -> int | None:
    """Who speaks in a span; where nobody does, whoever speaks nearest to it; None where there are no turns.

    It is the speaker with most of it, with the published bias towards who is ahead, whose time counts twice: an
    interjection at the end of a sentence does not take it over.
    """
    leader, lead_ms = None, 0
    for turn in turns:
        shared_ms = min(end_ms, turn.end_ms) - max(start_ms, turn.start_ms)
        if shared_ms > lead_ms:
            leader, lead_ms = turn.speaker, shared_ms
        if shared_ms > 0 and turn.speaker == leader:
            lead_ms += shared_ms
    if leader is not None:
        return leader
    nearest = min(turns, key=lambda turn: max(turn.start_ms - end_ms, start_ms - turn.end_ms), default=None)
    return None if nearest is None else nearest.speaker
