import pytest

from asrtools.errors import DataError
from asrtools.io.data_dir import read_data_dir
from asrtools.record import Utterance


@pytest.fixture
def data_dir(tmp_path):
    """Write the files of a data directory."""

    def write(**files: str):
        for name, text in files.items():
            (tmp_path / name.replace("_scp", ".scp")).write_text(text, encoding="utf-8")
        return str(tmp_path)

    return write


def test_recordings_get_their_text_and_speaker(data_dir):
    folder = data_dir(wav_scp="b b.wav\na sox a |\n", text="a 你好 吗\nb\n", utt2spk="a s1\n")
    assert list(read_data_dir(folder)) == [
        Utterance("b", "b.wav", target=""),
        Utterance("a", "sox a |", target="你好 吗", speaker="s1"),
    ]


def test_segments_cut_recordings(data_dir):
    folder = data_dir(wav_scp="r r.wav\n", segments="u2 r 1.5 3 1\nu1 r 0 -1\n", text="u1 一\n", utt2spk="u1 s\nu2 s\n")
    assert list(read_data_dir(folder)) == [
        Utterance("u2", "r.wav", start_ms=1500, end_ms=3000, channel=1, recording="r", speaker="s"),
        Utterance("u1", "r.wav", recording="r", target="一", speaker="s"),
    ]


def test_a_segment_of_no_recording_is_an_error_in_its_place(data_dir):
    folder = data_dir(wav_scp="r r.wav\n", segments="u1 r 0 1\nu2 gone 0 1\nu3 r 1 0\nu4 r 1 2\n", text="u2 x\n")
    first, second, third, fourth = read_data_dir(folder)
    assert (first.key, fourth.key, first.status, fourth.status) == ("u1", "u4", "", "")
    cure = f"(run utils/fix_data_dir.sh {folder})"
    assert second.error == f"{folder}/segments:2: recording gone has no line in {folder}/wav.scp {cure}"
    assert (second.key, second.recording, second.target, second.status) == ("u2", "gone", "x", "error")
    assert (
        third.error == f"{folder}/segments:3: u3 goes from 1 to 0 s; should end after its start, or at -1 for the end"
    )


def test_bad_lines_of_the_list_are_errors_also_under_segments(data_dir):
    folder = data_dir(wav_scp="r r.wav\nr again.wav\nq\n", segments="u r 0 1\n")
    records = list(read_data_dir(folder))
    assert [(record.key, record.status) for record in records] == [("r", "error"), ("q", "error"), ("u", "")]
    assert records[2].source == "r.wav"


def test_a_reference_without_audio_is_an_error_at_the_end(data_dir):
    folder = data_dir(wav_scp="a a.wav\n", text="gone 不见\na 一\n")
    first, second = read_data_dir(folder)
    assert first == Utterance("a", "a.wav", target="一")
    assert second.error == f"{folder}/text: utterance gone has no line in wav.scp (run utils/fix_data_dir.sh {folder})"
    assert (second.key, second.target, second.status) == ("gone", "不见", "error")


def test_features_are_taken_where_there_is_no_audio_or_when_asked(data_dir):
    folder = data_dir(feats_scp="a feats.ark:2\n", text="a 一\n")
    assert list(read_data_dir(folder)) == [Utterance("a", "feats.ark:2", target="一")]
    data_dir(wav_scp="a a.wav\n", segments="u a 0 1\n")
    assert [record.source for record in read_data_dir(folder, is_features=True)] == ["feats.ark:2"]
    assert next(read_data_dir(folder)).source == "a.wav"


def test_a_directory_without_a_list_says_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match="without wav.scp or feats.scp; should be a Kaldi data directory"):
        next(read_data_dir(str(tmp_path)))
    with pytest.raises(DataError, match="without feats.scp"):
        next(read_data_dir(str(tmp_path), is_features=True))


def test_a_bad_line_of_a_side_table_is_an_error_and_costs_nothing_else(data_dir):
    folder = data_dir(wav_scp="a a.wav\nb b.wav\n", utt2spk="a s\na t\n", text="a 一\na 二\nb 三\n")
    records = list(read_data_dir(folder))
    assert [(record.key, record.status) for record in records] == [("a", "error"), ("a", "error"), ("a", ""), ("b", "")]
    assert "text:2: duplicate key a" in records[0].error and "utt2spk:2: duplicate key a" in records[1].error
    assert records[2:] == [Utterance("a", "a.wav", target="一", speaker="s"), Utterance("b", "b.wav", target="三")]


def test_tables_that_are_not_asked_for_are_not_read(data_dir):
    folder = data_dir(wav_scp="a a.wav\n", utt2spk="a s\n", text="a 一\na 二\ngone x\n")
    assert list(read_data_dir(folder, tables=())) == [Utterance("a", "a.wav")]
    assert list(read_data_dir(folder, tables=("utt2spk",))) == [Utterance("a", "a.wav", speaker="s")]
