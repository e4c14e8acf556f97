"""Alignment of two sequences of units, as a string of C (correct), S (substituted), I (inserted) and D (deleted).

rapidfuzz finds the fewest errors and an alignment that has them. There are often several, and it takes any; where they
differ in their counts, the dynamic programme below, which it does not offer, finds the one that the rule asks for.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

Codes = str | list[int]


class Rule(NamedTuple):
    """Costs of an insertion, a deletion and a substitution."""

    insertion: int
    deletion: int
    substitution: int


# fewest: the fewest errors, and among these alignments the most correct units, which makes all counts unique.
# sclite: NIST's costs, which give an alignment with more errors where it has enough more correct units.
# funasr: the fewest errors, substitutions rather than insertions and deletions, as FunASR's compute_wer counts.
# All three go back from the end and take, of equal steps, a substitution, then an insertion, then a deletion.
RULES = {"fewest": Rule(0, 0, 0), "sclite": Rule(3, 3, 4), "funasr": Rule(1, 1, 1)}

_MOST_CELLS = 1_000_000  # of one matrix of costs; longer pairs are halved first, which may settle ties otherwise
_ANCHORS = (2, 8)  # so many correct units in a row are taken to be right, until the sum of costs says otherwise


def align(ref: Sequence[str], hyp: Sequence[str], rule: str = "fewest") -> str:
    """The steps from reference to hypothesis."""
    if ref == hyp:
        return "C" * len(ref)
    if not ref or not hyp:
        return "D" * len(ref) + "I" * len(hyp)
    a, b = _encoded(ref, hyp)
    steps = _steps(Levenshtein.editops(a, b).as_list(), len(a))
    # A pair of substitutions may be an insertion and a deletion in another alignment; fewer errors leave no choice.
    if len(steps) - steps.count("C") < abs(len(a) - len(b)) + 2:
        return steps
    if rule == "fewest":
        return steps if steps.count("S") < 2 else _most_correct(a, b, steps)
    return _aligned(a, b, RULES[rule])


def distance(ref: Sequence[str], hyp: Sequence[str]) -> int:
    """The fewest errors."""
    return int(Levenshtein.distance(*_encoded(ref, hyp)))


def _encoded(ref: Sequence[str], hyp: Sequence[str]) -> tuple[Codes, Codes]:
    """The units as what rapidfuzz compares fastest: characters of a string, else numbers."""
    a, b = "".join(ref), "".join(hyp)
    if len(a) == len(ref) and len(b) == len(hyp) and all(ref) and all(hyp):
        return a, b
    numbers: dict[str, int] = {}
    return [numbers.setdefault(u, len(numbers)) for u in ref], [numbers.setdefault(u, len(numbers)) for u in hyp]


def _steps(edits: Sequence[tuple[str, int, int]], length: int) -> str:
    parts: list[str] = []
    place = 0
    for kind, index, _ in edits:
        if index > place:
            parts.append("C" * (index - place))
        if kind == "insert":
            parts.append("I")
            place = index
        else:
            parts.append("S" if kind == "replace" else "D")
            place = index + 1
    parts.append("C" * (length - place))
    return "".join(parts)


def _most_correct(a: Codes, b: Codes, steps: str) -> str:
    """An alignment with as few errors as `steps` has, and of those the fewest substitutions."""
    unit = len(a) + len(b) + 1  # a cost that no number of substitutions reaches
    rule = Rule(unit, unit, unit + 1)
    fewest = Levenshtein.distance(a, b, weights=rule)
    tries = [lambda: _mirrored(a, b), *(partial(_refined, a, b, steps, rule, anchor) for anchor in _ANCHORS)]
    while _cost(steps, rule) != fewest:
        steps = tries.pop(0)() if tries else _aligned(a, b, rule)
    return steps


def _cost(steps: str, rule: Rule) -> int:
    return steps.count("I") * rule.insertion + steps.count("D") * rule.deletion + steps.count("S") * rule.substitution


def _mirrored(a: Codes, b: Codes) -> str:
    """What rapidfuzz finds from the other end: cheap, and often enough the one that is looked for."""
    return _steps(Levenshtein.editops(a[::-1], b[::-1]).as_list(), len(a))[::-1]


def _refined(a: Codes, b: Codes, steps: str, rule: Rule, anchor: int) -> str:
    """The stretches between anchors aligned anew, each by itself, so that a long pair costs little."""
    parts: list[str] = []
    i = j = 0  # the units before the stretch
    for piece, is_anchor in _pieces(steps, anchor):
        num_i, num_j = len(piece) - piece.count("I"), len(piece) - piece.count("D")
        parts.append(piece if is_anchor else _aligned(a[i : i + num_i], b[j : j + num_j], rule))
        i, j = i + num_i, j + num_j
    return "".join(parts)


def _pieces(steps: str, anchor: int) -> list[tuple[str, bool]]:
    """The steps cut in the middle of long correct runs; whether a piece is such a middle."""
    pieces: list[tuple[str, bool]] = []
    open_piece: list[str] = []
    place = 0
    while place < len(steps):
        end = place
        while end < len(steps) and (steps[end] == "C") == (steps[place] == "C"):
            end += 1
        run = steps[place:end]
        if run[0] == "C" and len(run) > 2 * anchor:
            pieces += [("".join(open_piece) + run[:anchor], False), (run[anchor:-anchor], True)]
            open_piece = [run[-anchor:]]
        else:
            open_piece.append(run)
        place = end
    return [*pieces, ("".join(open_piece), False)]


def _aligned(a: Codes, b: Codes, rule: Rule) -> str:
    """The cheapest alignment by dynamic programming, in memory that is linear in the length of long pairs."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    inner = _inner(_numbers(a[start : len(a) - end]), _numbers(b[start : len(b) - end]), rule)
    return "C" * start + inner + "C" * end


def _numbers(codes: Codes) -> np.ndarray:
    return np.array([ord(code) for code in codes] if isinstance(codes, str) else codes, dtype=np.int64)


def _inner(a: np.ndarray, b: np.ndarray, rule: Rule) -> str:
    if len(a) * len(b) <= _MOST_CELLS or len(a) < 2:
        return _by_matrix(a, b, rule)
    half = len(a) // 2
    front = _last_row(a[:half], b, rule)
    back = _last_row(a[half:][::-1], b[::-1], rule)[::-1]
    cut = int(np.argmin(front + back))
    return _inner(a[:half], b[:cut], rule) + _inner(a[half:], b[cut:], rule)


def _rows(a: np.ndarray, b: np.ndarray, rule: Rule) -> Iterator[np.ndarray]:
    """The rows of the matrix of costs, one for each number of units of `a`."""
    inserted = np.arange(len(b) + 1, dtype=np.int64) * rule.insertion
    row = inserted
    yield row
    for code in a:
        new = row + rule.deletion
        np.minimum(new[1:], row[:-1] + (b != code) * rule.substitution, out=new[1:])
        # insertions in a row: the least over all places before, each as far away as it is
        row = np.minimum.accumulate(new - inserted) + inserted
        yield row


def _last_row(a: np.ndarray, b: np.ndarray, rule: Rule) -> np.ndarray:
    row = np.zeros(0, dtype=np.int64)
    for row in _rows(a, b, rule):  # noqa: B007
        pass
    return row


def _by_matrix(a: np.ndarray, b: np.ndarray, rule: Rule) -> str:
    costs = [row.tolist() for row in _rows(a, b, rule)]
    first, second = a.tolist(), b.tolist()
    i, j = len(first), len(second)
    steps: list[str] = []
    while i and j:
        cost = costs[i][j]
        if first[i - 1] == second[j - 1]:
            steps.append("C")
            i, j = i - 1, j - 1
        elif cost == costs[i - 1][j - 1] + rule.substitution:
            steps.append("S")
            i, j = i - 1, j - 1
        elif cost == costs[i][j - 1] + rule.insertion:
            steps.append("I")
            j -= 1
        else:
            steps.append("D")
            i -= 1
    return "D" * i + "I" * j + "".join(reversed(steps))
