import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrtools.io.seconds import to_ms, to_seconds


@given(st.integers(0, 10**10))
def test_milliseconds_survive_the_way_through_seconds(ms):
    assert to_ms(to_seconds(ms)) == ms


@pytest.mark.parametrize(
    ("seconds", "ms"),
    [("1.0005", 1001), ("1.00049", 1000), ("0.1", 100), ("-1", -1000), ("1e1", 10000), ("71.5", 71500)],
)
def test_half_a_millisecond_goes_up(seconds, ms):
    assert to_ms(seconds) == ms


def test_a_sum_is_rounded_once():
    assert to_ms("0.0003", "0.0003") == 1


@pytest.mark.parametrize("text", ["-", "x", "nan", "inf", "1e99", "1,5"])
def test_what_is_no_time_is_a_value_error(text):
    with pytest.raises(ValueError, match=text):
        to_ms(text)
