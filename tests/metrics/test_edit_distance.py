"""The alignment and its counts, against a plain dynamic programme, jiwer and NIST's sclite."""

import random
import re
import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import jiwer
import pytest

from asrtools.metrics.edit_distance import RULES, Rule, align, distance
from asrtools.metrics.error_rate import count

COSTS = {"fewest": Rule(1000, 1000, 1001), "sclite": Rule(3, 3, 4), "funasr": Rule(1, 1, 1)}


def plain(ref: list[str], hyp: list[str], rule: Rule) -> str:
    """The whole matrix, and back from its end: the same unit, else a substitution, an insertion, a deletion."""
    costs = [[j * rule.insertion for j in range(len(hyp) + 1)]]
    for i, unit in enumerate(ref, 1):
        row = [i * rule.deletion]
        for j, other in enumerate(hyp, 1):
            diagonal = costs[i - 1][j - 1] + (unit != other) * rule.substitution
            row.append(min(diagonal, costs[i - 1][j] + rule.deletion, row[j - 1] + rule.insertion))
        costs.append(row)
    i, j = len(ref), len(hyp)
    steps = ""
    while i or j:
        if i and j and ref[i - 1] == hyp[j - 1]:
            step = "C"
        elif i and j and costs[i][j] == costs[i - 1][j - 1] + rule.substitution:
            step = "S"
        elif j and costs[i][j] == costs[i][j - 1] + rule.insertion:
            step = "I"
        else:
            step = "D"
        i, j, steps = i - (step != "I"), j - (step != "D"), step + steps
    return steps


def check_fits(steps: str, ref: list[str], hyp: list[str]) -> None:
    refs, hyps = iter(ref), iter(hyp)
    for step in steps:
        unit = None if step == "I" else next(refs)
        other = None if step == "D" else next(hyps)
        assert step in "DI" or (unit == other) == (step == "C")
    assert next(refs, None) is None and next(hyps, None) is None


@pytest.mark.parametrize("rule", RULES)
def test_counts_are_those_of_the_whole_matrix(rule: str) -> None:
    draw = random.Random(11)
    for _ in range(700):
        letters = "abcdefghijklmnopqrstuvwxyz"[: draw.choice((2, 3, 6, 26))]
        ref = [draw.choice(letters) for _ in range(draw.choice((0, 1, 4, 9, 25)))]
        hyp = [draw.choice(letters) for _ in ref if draw.random() > 0.2]
        hyp = [unit if draw.random() < 0.5 else old for unit, old in zip(hyp, ref, strict=False)]
        steps = align(ref, hyp, rule)
        check_fits(steps, ref, hyp)
        assert count(steps) == count(plain(ref, hyp, COSTS[rule])), (ref, hyp)


def test_counts_do_not_depend_on_the_direction(make_pairs: Callable) -> None:
    for ref, hyp in make_pairs(500, seed=3):
        one, back = count(align(ref, hyp)), count(align(hyp, ref))
        mirrored = count(align(ref[::-1], hyp[::-1]))
        assert one == mirrored
        assert (one.correct, one.substituted, one.inserted, one.deleted) == (
            back.correct,
            back.substituted,
            back.deleted,
            back.inserted,
        )


def test_the_rules_differ_where_alignments_tie() -> None:
    assert align(list("ab"), list("bc"), "funasr") == "SS"
    assert align(list("ab"), list("bc"), "fewest") == "DCI"
    ref, hyp = "xxxabyyy", "abzzzzzz"  # NIST takes more errors for more correct units
    assert count(align(list(ref), list(hyp), "fewest")).errors == distance(list(ref), list(hyp)) == 8
    assert count(align(list("abcdexyz12"), list("xyz12fghij"), "sclite")).correct == 5


def test_counts_of_units_that_are_words_and_characters() -> None:
    assert align(["hello", "你", "好"], ["hello", "好", "啊"]) == "CDCI"
    assert align([], []) == "" and align([], ["a"]) == "I" and align(["a"], []) == "D"


def test_errors_are_those_of_jiwer(make_pairs: Callable) -> None:
    pairs = [(ref, hyp) for ref, hyp in make_pairs(600, seed=1) if ref]
    theirs = jiwer.process_words([" ".join(ref) for ref, _ in pairs], [" ".join(hyp) for _, hyp in pairs])
    ours = [count(align(ref, hyp)) for ref, hyp in pairs]
    assert sum(one.errors for one in ours) == theirs.substitutions + theirs.insertions + theirs.deletions
    assert sum(one.units for one in ours) == sum(len(ref) for ref, _ in pairs)


def sclite_counts(pairs: list, folder: Path, sctk: str) -> list[tuple[int, ...]]:
    for name, side in (("ref", 0), ("hyp", 1)):
        lines = [f"{' '.join(pair[side])} (s_{index:05d})\n" for index, pair in enumerate(pairs)]
        (folder / name).write_text("".join(lines), encoding="utf-8")
    command = [sctk, "sclite", "-e", "utf-8", "-s", "-i", "rm", "-r", "ref", "trn", "-h", "hyp", "trn"]
    done = subprocess.run([*command, "-o", "pralign", "stdout"], cwd=folder, capture_output=True, text=True, check=True)
    found = re.findall(r"id: \(s_(\d+)\)\nScores: \(#C #S #D #I\) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    assert len(found) == len(pairs)
    return [tuple(map(int, numbers)) for _, *numbers in sorted(found)]


def test_counts_of_two_thousand_pairs_are_those_of_sclite(make_pairs: Callable, tmp_path: Path, sctk: str) -> None:
    pairs = make_pairs(2000, seed=7)
    theirs = sclite_counts(pairs, tmp_path, sctk)
    for rule in ("fewest", "sclite"):
        ours = [count(align(ref, hyp, rule)) for ref, hyp in pairs]
        assert [(one.correct, one.substituted, one.deleted, one.inserted) for one in ours] == theirs, rule


def test_counts_by_the_costs_of_sclite_are_its_own_for_texts_with_nothing_in_common(tmp_path: Path, sctk: str) -> None:
    draw = random.Random(5)
    pairs = [tuple([draw.choice("abcd") for _ in range(draw.randint(1, 30))] for _ in "rh") for _ in range(300)]
    ours = [count(align(ref, hyp, "sclite")) for ref, hyp in pairs]
    theirs = sclite_counts(pairs, tmp_path, sctk)
    assert [(one.correct, one.substituted, one.deleted, one.inserted) for one in ours] == theirs


def test_a_long_pair_takes_memory_in_proportion_to_its_length() -> None:
    draw = random.Random(3)
    ref = [draw.choice("abcdefgh") for _ in range(6000)]
    hyp = [unit if draw.random() > 0.3 else draw.choice("abcdefgh") for unit in ref if draw.random() > 0.1]
    tracemalloc.start()
    steps = align(ref, hyp)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    check_fits(steps, ref, hyp)
    assert count(steps).errors == distance(ref, hyp)
    assert peak < 64e6  # a matrix of 6000 x 5400 costs would take 259 MB
