"""Diarization errors against NIST's md-eval, pyannote.metrics and hand counts."""

import itertools
import random
import re
import subprocess
from pathlib import Path

import pytest

from asrtools.metrics.diarization import DiarizationErrors, diarization_errors, extent, sum_of

Turns = dict[str, list[tuple[int, int]]]
LENGTH_MS = 30_000


def random_reference(draw: random.Random) -> Turns:
    turns: Turns = {}
    for speaker in range(draw.randint(1, 4)):
        time = draw.randrange(2000)
        while time < LENGTH_MS:
            end = min(time + draw.randrange(200, 4000), LENGTH_MS)
            turns.setdefault(f"s{speaker}", []).append((time, end))
            time = end + draw.randrange(10, 6000)
    return turns


def random_hypothesis(ref: Turns, draw: random.Random) -> Turns:
    """Turns missed, moved, given to others; one after another for each speaker, as md-eval wants them."""
    found: Turns = {}
    for speaker, spans in ref.items():
        for start, end in spans:
            if draw.random() < 0.1:
                continue
            moved = (max(0, start + draw.randrange(-400, 400)), min(LENGTH_MS, end + draw.randrange(-400, 400)))
            name = f"h{speaker}" if draw.random() < 0.85 else f"h{draw.choice(list(ref))}"
            if moved[1] > moved[0]:
                found.setdefault(name, []).append(moved)
    parted: Turns = {}
    for name, spans in found.items():
        last = 0
        for start, end in sorted(spans):
            if end > max(start, last):
                parted.setdefault(name, []).append((max(start, last), end))
                last = end + 1
    return parted


PARTS = [(2_000, 11_000), (12_500, 26_000)]
CASES = [(collar, has_uem) for collar in (0, 250) for has_uem in (False, True)]


def random_pairs(count: int) -> list[tuple[Turns, Turns]]:
    draw = random.Random(20)
    pairs = []
    for _ in range(count):
        ref = random_reference(draw)
        pairs.append((ref, random_hypothesis(ref, draw)))
    return pairs


def rttm(recordings: list[Turns]) -> str:
    return "".join(
        f"SPEAKER r{number:03d} 1 {start / 1000:.3f} {(end - start) / 1000:.3f} <NA> <NA> {speaker} <NA> <NA>\n"
        for number, turns in enumerate(recordings)
        for speaker, spans in turns.items()
        for start, end in spans
    )


@pytest.mark.parametrize(("collar_ms", "has_uem"), CASES)
def test_200_recordings_have_the_errors_of_md_eval(tmp_path: Path, sctk: str, collar_ms: int, has_uem: bool) -> None:
    pairs = random_pairs(200)
    (tmp_path / "ref").write_text(rttm([ref for ref, _ in pairs]))
    (tmp_path / "hyp").write_text(rttm([hyp for _, hyp in pairs]))
    # md-eval's own choice without a UEM is the extent of the reference alone
    spans = [PARTS if has_uem else extent(ref) for ref, _ in pairs]
    lines = [f"r{n:03d} 1 {a / 1000} {b / 1000}\n" for n, parts in enumerate(spans) for a, b in parts]
    (tmp_path / "uem").write_text("".join(lines))
    command = [sctk, "md-eval", "-af", "-c", str(collar_ms / 1000), "-r", "ref", "-s", "hyp", "-u", "uem"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    theirs = {}
    for name, block in re.findall(r"Performance analysis for .*? for f=(r\d+) \*\*\*(.*?)OVERALL", said, re.DOTALL):
        times = [re.search(rf"{what} TIME\s*=\s*([\d.]+) secs", block) for what in ("SCORED SPEAKER", "MISSED SPEAKER")]
        times += [re.search(rf"{what} TIME\s*=\s*([\d.]+) secs", block) for what in ("FALARM SPEAKER", "SPEAKER ERROR")]
        theirs[name] = [float(found[1]) for found in times if found]
    assert len(theirs) == len(pairs)
    for number, ((ref, hyp), parts) in enumerate(zip(pairs, spans, strict=True)):
        ours = diarization_errors(ref, hyp, parts, collar_ms)
        seconds = [time / 1000 for time in (ours.scored, ours.missed, ours.false_alarm, ours.confused)]
        assert seconds == pytest.approx(theirs[f"r{number:03d}"], abs=0.0051), number  # it prints two decimals


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("collar_ms", "has_uem"), CASES)
def test_200_recordings_have_the_errors_of_pyannote(collar_ms: int, has_uem: bool) -> None:
    pytest.importorskip(
        "pyannote.metrics", reason="pyannote.metrics is not installed (utils/setup.sh --extras references)"
    )
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    def annotation(turns: Turns) -> Annotation:
        made = Annotation()
        for name, spans in turns.items():
            for index, (start, end) in enumerate(spans):
                made[Segment(start / 1000, end / 1000), f"{name}-{index}"] = name
        return made

    metric = DiarizationErrorRate(collar=2 * collar_ms / 1000)  # its collar is the whole width
    num_alike = 0
    pairs = random_pairs(200)
    for ref, hyp in pairs:
        parts = PARTS if has_uem else extent(ref, hyp)
        uem = Timeline([Segment(start / 1000, end / 1000) for start, end in PARTS]) if has_uem else None
        theirs = metric(annotation(ref), annotation(hyp), uem=uem, detailed=True)
        ours = diarization_errors(ref, hyp, parts, collar_ms)
        assert ours.scored / 1000 == pytest.approx(theirs["total"], abs=0.001)
        assert ours.missed / 1000 == pytest.approx(theirs["missed detection"], abs=0.001)
        assert ours.false_alarm / 1000 == pytest.approx(theirs["false alarm"], abs=0.001)
        # pyannote maps speakers by what lies outside the collars, md-eval and we by everything
        assert ours.confused / 1000 >= theirs["confusion"] - 0.001
        num_alike += ours.confused / 1000 == pytest.approx(theirs["confusion"], abs=0.001)
    assert num_alike == len(pairs) if not collar_ms else num_alike >= 0.95 * len(pairs)


def test_each_kind_of_error_is_counted() -> None:
    ref = {"a": [(0, 4000)], "b": [(4000, 8000)]}
    hyp = {"x": [(0, 3000), (4000, 5000)], "y": [(5000, 9000)]}
    errors = diarization_errors(ref, hyp, extent(ref, hyp))
    assert (errors.scored, errors.missed, errors.false_alarm, errors.confused) == (8000, 1000, 1000, 1000)
    assert errors.error_rate == 37.5
    # a: 3 s of 5 s in common or not; b: 3 s of 5 s
    assert errors.jaccard == (40.0, 40.0)


def test_overlapping_speech_counts_for_each_speaker() -> None:
    ref = {"a": [(0, 4000)], "b": [(2000, 4000)]}
    errors = diarization_errors(ref, {"x": [(0, 4000)]}, extent(ref))
    assert (errors.scored, errors.missed) == (6000, 2000)
    assert diarization_errors(ref, {"x": [(0, 4000)]}, extent(ref), skip_overlap=True).missed == 0


def test_turns_of_one_speaker_that_overlap_are_one() -> None:
    ref = {"a": [(0, 3000), (2000, 4000)]}
    assert diarization_errors(ref, {}, extent(ref)).scored == 4000


def test_nothing_said_or_nothing_found() -> None:
    assert diarization_errors({}, {}, []) == DiarizationErrors()
    ref = {"a": [(0, 1000)]}
    assert diarization_errors(ref, {}, extent(ref)).error_rate == 100.0
    assert diarization_errors(ref, {}, extent(ref)).jaccard == (100.0,)
    only_false = diarization_errors({}, ref, [(0, 1000)])
    assert (only_false.false_alarm, only_false.error_rate, only_false.jaccard) == (1000, 100.0, ())


def test_the_jaccard_error_is_the_best_over_all_matchings() -> None:
    for ref, hyp in random_pairs(12):
        errors = diarization_errors(ref, hyp, [(0, LENGTH_MS)])
        rates = [[jaccard(one, other) for other in hyp.values()] + [100.0] * len(ref) for one in ref.values()]
        matchings = itertools.permutations(range(len(hyp) + len(ref)), len(ref))
        best = min(sum(row[column] for row, column in zip(rates, chosen, strict=True)) for chosen in matchings)
        assert errors.jaccard_error_rate == pytest.approx(best / len(ref))


def jaccard(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> float:
    one, two = ({ms for start, end in spans for ms in range(start, end)} for spans in (first, second))
    return 100 * (1 - len(one & two) / len(one | two))


def test_sums_add_times_and_keep_speakers_apart() -> None:
    parts = [DiarizationErrors(100, 10, 5, 5, (50.0,)), DiarizationErrors(300, 0, 0, 0, (0.0, 10.0))]
    assert sum_of(parts).error_rate == 5.0
    assert sum_of(parts).jaccard_error_rate == 20.0
