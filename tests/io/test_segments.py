from hypothesis import given
from hypothesis import strategies as st

from asrtools.io.segments import Segment, read_segments, to_line, write_segments

keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \t\r\n\x00"), min_size=1)
segments = st.builds(
    lambda key, recording, start, length, channel: Segment(
        key, recording, start, None if length is None else start + length, channel
    ),
    keys,
    keys,
    st.integers(0, 10**8),
    st.none() | st.integers(1, 10**8),
    st.none() | st.integers(0, 9),
)


@given(st.lists(segments, max_size=5, unique_by=lambda segment: segment.key))
def test_segments_survive_writing_and_reading(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("segments") / "segments"
    write_segments(path, written)
    path.write_bytes(b"\n" + path.read_bytes())  # a key may begin with what looks like a BOM at the start of a file
    assert list(read_segments(path)) == written


def test_times_are_whole_milliseconds_and_minus_one_is_the_end(tmp_path):
    (tmp_path / "segments").write_text("u1 r1 0.00 1.2345\nu2\tr1  1.5 -1 1\n")
    assert list(read_segments(tmp_path / "segments")) == [
        Segment("u1", "r1", 0, 1235, None),
        Segment("u2", "r1", 1500, None, 1),
    ]


def test_seconds_are_written_with_three_decimals():
    assert to_line(Segment("u", "r", 70, 1230)) == "u r 0.070 1.230"
    assert to_line(Segment("u", "r", 0, None, 1)) == "u r 0.000 -1 1"


def test_bad_lines_are_entries_with_the_cure(tmp_path):
    path = tmp_path / "segments"
    path.write_text("a r 0\nb r 2 1\nc r x 1\nd r -0.5 1\ne r 0 1 left\nf r 0 1\nf r 1 2\ng r 1 nan\n")
    errors = {entry.line: entry.error for entry in read_segments(path) if entry.error}
    assert errors == {
        1: f"{path}:1: a has 3 columns; should be `utterance recording start end [channel]`",
        2: f"{path}:2: b goes from 2 to 1 s; should end after its start, or at -1 for the end",
        3: f"{path}:3: c has the time x; should be seconds",
        4: f"{path}:4: d goes from -0.5 to 1 s; should end after its start, or at -1 for the end",
        5: f"{path}:5: e has the channel left; should be a number from 0",
        7: f"{path}:7: duplicate key f; every key should stand once",
        8: f"{path}:8: g has the time nan; should be seconds",
    }
