"""Intervals and tests, on cases where the answer is known, and against NIST's sc_stats."""

import math
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from asrtools.metrics.edit_distance import align
from asrtools.metrics.error_rate import Scored
from asrtools.metrics.significance import bootstrap_interval, mapsswe, paired_bootstrap


def by_steps(*steps: str) -> list[Scored]:
    return [
        Scored(str(n), ["u"] * (len(s) - s.count("I")), ["u"] * (len(s) - s.count("D")), s) for n, s in enumerate(steps)
    ]


def test_the_interval_holds_the_rate_and_narrows_with_more_utterances() -> None:
    draw = random.Random(1)
    few, many = (by_steps(*("".join(draw.choice("CCCCS") for _ in range(10)) for _ in range(n))) for n in (50, 2000))
    wide, narrow = bootstrap_interval(few), bootstrap_interval(many)
    assert wide.low < 20 < wide.high and narrow.low < 20 < narrow.high
    assert narrow.high - narrow.low < (wide.high - wide.low) / 3
    # ten units an utterance, each wrong with 0.2: the spread of the mean of 20,000 units
    assert math.isclose(narrow.high - narrow.low, 2 * 1.96 * 100 * math.sqrt(0.2 * 0.8 / 20000), rel_tol=0.15)


def test_the_same_call_says_the_same() -> None:
    scored = by_steps("CCS", "CCC", "SSI", "DDC")
    assert bootstrap_interval(scored) == bootstrap_interval(scored)


def test_equal_hypotheses_do_not_differ() -> None:
    scored = by_steps("CCSC", "CCC")
    assert paired_bootstrap(scored, scored).p_value == 1.0
    assert mapsswe(scored, scored).p_value == 1.0


def test_a_second_that_is_better_everywhere_is_significantly_better() -> None:
    first, second = by_steps(*["CCSSC"] * 60), by_steps(*["CCCSC"] * 30, *["CCCCC"] * 30)
    difference = paired_bootstrap(first, second)
    assert math.isclose(difference.difference, -30.0) and difference.interval.high < 0 and difference.p_value < 0.01
    test = mapsswe(first, second)
    assert test.z < -10 and test.p_value < 1e-6 and test.num_segments == 60


def test_segments_that_all_differ_alike_are_judged_by_their_number() -> None:
    assert mapsswe(by_steps("CCSCC"), by_steps("CCCCC")).p_value == 1.0
    assert math.isclose(mapsswe(by_steps(*["CSC"] * 10), by_steps(*["CCC"] * 10)).p_value, 2 / 1024)


def test_two_correct_units_in_both_part_the_segments() -> None:
    both_wrong = by_steps("SCCSCS")  # S | CC | SCS: one unit does not part
    assert mapsswe(both_wrong, by_steps("CCCCCC")).num_segments == 2
    assert mapsswe(by_steps("SCICS"), by_steps("CCCC")).num_segments == 1  # an insertion stands between the two


def p_value_of_nist(pairs: list, outputs: dict[str, list], folder: Path, sctk: str) -> float:
    for name, texts in {"ref": [ref for ref, _ in pairs], **outputs}.items():
        lines = [f"{' '.join(text)} (s_{n:05d})\n" for n, text in enumerate(texts)]
        (folder / name).write_text("".join(lines), encoding="utf-8")
    alignments = ""
    for name in outputs:
        command = [sctk, "sclite", "-e", "utf-8", "-s", "-i", "rm", "-r", "ref", "trn", "-h", name, "trn"]
        done = subprocess.run(
            [*command, "-o", "sgml", "stdout"], cwd=folder, capture_output=True, text=True, check=True
        )
        alignments += done.stdout
    done = subprocess.run(
        [sctk, "sc_stats", "-p", "-t", "mapsswe", "-u", "-n", "out"],
        cwd=folder,
        input=alignments,
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout + "".join(path.read_text(errors="replace") for path in folder.glob("out*"))
    found = re.search(r"MP\s+\|\|\s+first\s+\|.*?([<\d.]+)\s+\**\s+\|\|", said)
    assert found, said
    return float(found[1].lstrip("<"))


@pytest.mark.parametrize(("seed", "share"), [(21, 0.1), (22, 0.05), (23, 0.02), (24, 0.0)])
def test_mapsswe_gives_the_p_value_of_nist(
    make_pairs: Callable, tmp_path: Path, sctk: str, seed: int, share: float
) -> None:
    pairs = [pair for pair in make_pairs(500, seed) if len(pair[0]) > 2 and pair[1]]
    draw = random.Random(seed)
    other = []
    for ref, hyp in pairs:  # some errors mended, as many others made
        mended = [r if draw.random() < share + 0.1 else h for r, h in zip(ref, hyp, strict=False)] + hyp[len(ref) :]
        other.append([draw.choice(ref) if draw.random() < 0.02 else unit for unit in mended])
    outputs = {"first": [hyp for _, hyp in pairs], "second": other}
    first, second = (
        [
            Scored(str(n), ref, hyp, align(ref, hyp, "sclite"))
            for n, ((ref, _), hyp) in enumerate(zip(pairs, hyps, strict=True))
        ]
        for hyps in outputs.values()
    )
    assert mapsswe(first, second).p_value == pytest.approx(p_value_of_nist(pairs, outputs, tmp_path, sctk), abs=0.0015)
