import pytest

from asrtools.metrics.token_time import TimedUnit, joined, time_errors


def test_only_units_that_are_correct_are_measured() -> None:
    ref = [TimedUnit("a", 0, 100), TimedUnit("b", 100, 200), TimedUnit("c", 200, 300)]
    hyp = [TimedUnit("a", 10, 120), TimedUnit("x", 500, 600), TimedUnit("c", 170, 300)]
    errors = time_errors(ref, hyp, "fewest")
    assert errors.starts.tolist() == [10, -30] and errors.ends.tolist() == [20, 0]
    assert errors.mean_shift == 15.0
    assert (errors.within(20), errors.within(100)) == (75.0, 100.0)
    assert (errors.num_matched, errors.num_ref, errors.num_hyp) == (2, 3, 3)


def test_recordings_join_and_nothing_has_no_error() -> None:
    some = time_errors([TimedUnit("a", 0, 10)], [TimedUnit("a", 5, 10)], "fewest")
    none = time_errors([TimedUnit("a", 0, 10)], [], "fewest")
    assert joined([some, none]).num_ref == 2 and joined([some, none]).mean_shift == pytest.approx(2.5)
    assert joined([]).mean_shift == 0.0 and none.within(20) == 0.0
