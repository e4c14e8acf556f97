"""From recordings to turns, with voices that are tones and a network that knows them by their pitch."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrtools.errors import DataError
from asrtools.features.speaker_frontend import SpeakerFrontend
from asrtools.record import Sentence, Token, Utterance
from asrtools.tasks.clustering import ClusterOptions
from asrtools.tasks.diarize import (
    Diarization,
    Diarizer,
    Recording,
    one_of_each_name,
    recordings_of,
    turn_records,
    with_speakers,
)
from asrtools.tasks.embed import SampleReader, SpeakerModel, embed_samples, embed_utterances
from asrtools.tasks.given_segments import cut_by_segments
from asrtools.tasks.speaker_turns import SpeakerTurn

RATE = 16000
LOW, HIGH = 300.0, 3000.0


class PitchFrontend(SpeakerFrontend):
    """Keeps the mean, by which tones differ."""

    def from_fbank(self, feats: np.ndarray) -> np.ndarray:
        return feats


def embed(feats: Sequence[np.ndarray], fills_batches: bool = False) -> np.ndarray:
    levels = np.stack([one.mean(axis=0) for one in feats])
    return levels - levels.mean(axis=1, keepdims=True)


MODEL = SpeakerModel(embed, PitchFrontend(), Path("tones"))
TWO = ClusterOptions(num_speakers=2)


def tone(hertz: float, seconds: float) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(int(hertz)).standard_normal(len(times))
    return (0.3 * np.sin(2 * np.pi * hertz * times) + 0.003 * noise).astype(np.float32)


@pytest.fixture
def talk(tmp_path: Path) -> str:
    """20 s: low 6 s, high 8 s, low 6 s."""
    path = tmp_path / "talk.wav"
    soundfile.write(path, np.concatenate([tone(LOW, 6), tone(HIGH, 8), tone(LOW, 6)]), RATE)
    return str(path)


def segments(source: str, *spans: tuple[int, int], recording: str = "talk") -> list[Utterance]:
    return [
        Utterance(f"{recording}-{start}-{end}", source, start_ms=start, end_ms=end, recording=recording)
        for start, end in spans
    ]


def diarize(records: Sequence[Utterance], options: ClusterOptions = TWO, **settings) -> list[Diarization]:
    return list(Diarizer(MODEL, options, **settings)(recordings_of(records, lambda whole: [whole])))


def test_who_speaks_when(talk: str) -> None:
    (found,) = diarize(segments(talk, (0, 20000)))
    assert [turn.speaker for turn in found.turns] == [0, 1, 0]
    borders = [turn.start_ms for turn in found.turns] + [found.turns[-1].end_ms]
    assert np.abs(np.array(borders) - [0, 6000, 14000, 20000]).max() <= 750
    assert found.centres.shape == (2, 80)
    assert [one.status for one in found.recording.segments] == ["ok"]


def test_a_whole_recording_is_one_segment_where_nothing_looks_for_speech(talk: str) -> None:
    (found,) = diarize([Utterance("talk", talk)])
    assert found.turns == diarize(segments(talk, (0, 20000)))[0].turns
    assert found.recording.whole is not None


def test_overlapping_segments_are_each_heard(talk: str) -> None:
    (found,) = diarize(segments(talk, (0, 5900), (5000, 14000), (7000, 9000), (14100, 20000)))
    assert {turn.speaker for turn in found.turns if turn.start_ms < 5000} == {0}
    for speaker in (0, 1):
        own = [turn for turn in found.turns if turn.speaker == speaker]
        assert all(before.end_ms < after.start_ms for before, after in zip(own, own[1:], strict=False))
    assert list(found.turns) == sorted(found.turns, key=lambda turn: turn.start_ms)


def test_any_order_of_segments_and_any_batch_give_the_same(talk: str) -> None:
    spans = [(0, 3000), (2500, 6000), (6100, 9000), (9000, 14000), (14000, 20000)]
    records = segments(talk, *spans) + segments(talk, (0, 4000), (4200, 7000), recording="other")
    wanted = {one.recording.key: one.turns for one in diarize(records)}
    assert list(wanted) == ["talk", "other"]
    for together in (1, 3, 1000):
        again = diarize(records[::-1], windows_together=together)
        assert {one.recording.key: one.turns for one in again} == wanted
        assert [one.recording.key for one in again] == ["other", "talk"]
        assert [one.key for one in again[1].recording.segments] == [one.key for one in records[:5]][::-1]


def test_a_segment_that_cannot_be_read_costs_no_other(talk: str, tmp_path: Path) -> None:
    bad = Utterance("bad", str(tmp_path / "nothing.wav"), start_ms=0, end_ms=1000, recording="talk")
    late = segments(talk, (30000, 31000))
    marked = replace(bad, key="marked", status="error", error="said before")
    (found,) = diarize([bad, *segments(talk, (0, 20000)), *late, marked])
    assert [one.status for one in found.recording.segments] == ["error", "ok", "error", "error"]
    assert "nothing.wav" in (found.recording.segments[0].error or "")
    assert found.recording.segments[3].error == "said before"
    assert found.turns == diarize(segments(talk, (0, 20000)))[0].turns


def test_nothing_to_hear_gives_no_turns(talk: str, tmp_path: Path) -> None:
    (found,) = Diarizer(MODEL)([Recording("silent", ())])
    assert found.turns == ()
    assert found.speaker_of(0, 100) is None
    (found,) = diarize([Utterance("gone", str(tmp_path / "gone.wav"))])
    assert found.turns == ()
    assert found.recording.segments[0].status == "error"
    assert list(Diarizer(MODEL)([])) == []


def test_very_short_and_silent_segments_have_a_speaker(talk: str, tmp_path: Path) -> None:
    (found,) = diarize(segments(talk, (100, 101), (200, 215), (15000, 20000)))
    assert [(turn.start_ms, turn.end_ms) for turn in found.turns] == [(100, 101), (200, 220), (15000, 20000)]
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(50000), RATE)
    (found,) = diarize([Utterance("silence", str(path))], ClusterOptions())
    assert found.turns == (SpeakerTurn(0, 3125, 0),)


def test_a_long_segment_is_read_in_pieces(talk: str, monkeypatch) -> None:
    whole = diarize(segments(talk, (0, 20000)))[0].turns
    monkeypatch.setattr("asrtools.tasks.diarize.PIECE_MS", 3000)
    lengths: list[int] = []

    class Watching(SampleReader):
        def __call__(self, utterance: Utterance, rate: int) -> np.ndarray:
            samples = super().__call__(utterance, rate)
            lengths.append(len(samples))
            return samples

    (found,) = diarize(segments(talk, (0, 20000)), reader=Watching())
    assert max(lengths) <= 4.5 * RATE
    assert sum(lengths) == 20 * RATE
    assert [turn.speaker for turn in found.turns] == [turn.speaker for turn in whole]
    assert np.abs(np.array([t.end_ms for t in found.turns]) - [t.end_ms for t in whole]).max() <= 750


def test_channels_are_recordings_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "two.wav"
    soundfile.write(path, np.stack([tone(LOW, 4), tone(HIGH, 4)], axis=1), RATE)
    records = [replace(one, channel=channel) for one in segments(str(path), (0, 4000)) for channel in (0, 1)]
    found = diarize(records, ClusterOptions())
    assert [one.recording.channel for one in found] == [0, 1]
    assert np.abs(found[0].centres - found[1].centres).max() > 1


def test_records_gain_their_speakers(talk: str) -> None:
    records = segments(talk, (0, 5000), (7000, 13000))
    (found,) = diarize(records)
    assert [with_speakers(one, found, ["ann", "bob"]).speaker for one in records] == ["ann", "bob"]
    sentences = (Sentence("a", 0, 4000), Sentence("b", 8000, 9000), Sentence("c"))
    whole = Utterance("talk", talk, sentences=sentences, tokens=(Token("a", 0, 100),))
    named = with_speakers(whole, found, ["ann", "bob"])
    assert [one.speaker for one in named.sentences] == ["ann", "bob", None]
    assert named.tokens == whole.tokens
    assert named.speaker is None
    tokens = replace(whole, sentences=(), tokens=(Token("a", 0, 100), Token("b", 8000, 8100)))
    assert [one.speaker for one in with_speakers(tokens, found, ["ann", "bob"]).tokens] == ["ann", "bob"]


def test_turns_become_records(talk: str) -> None:
    (found,) = diarize([Utterance("talk", talk, channel=None)])
    records = turn_records(found, ["ann", "bob"])
    assert [one.speaker for one in records] == ["ann", "bob", "ann"]
    assert all(one.recording == "talk" and one.source == talk and one.status == "ok" for one in records)
    assert len({one.key for one in records}) == 3


def test_two_clusters_of_one_name_are_one_speaker(talk: str) -> None:
    (found,) = diarize(segments(talk, (0, 20000)))
    (turn,) = one_of_each_name(found, ["ann", "ann"]).turns
    assert (turn.start_ms, turn.end_ms, turn.speaker) == (0, 20000, 0)
    assert one_of_each_name(found, ["ann", "bob"]) is found


def test_embeddings_of_whole_records(talk: str, tmp_path: Path) -> None:
    records = [Utterance("talk", talk), *segments(talk, (0, 2000)), Utterance("gone", str(tmp_path / "gone.wav"))]
    records += [Utterance("bad", status="error", error="said"), Utterance("feats", "x.ark:12"), Utterance("none")]
    done = list(embed_utterances(MODEL, records))
    assert [one.key for one, _ in done] == [one.key for one in records]
    assert [one.status for one, _ in done] == ["ok", "ok", "error", "error", "error", "error"]
    assert done[0][1] is not None and done[0][1].shape == (80,)
    assert [vector is None for _, vector in done] == [False, False, True, True, True, True]
    low = embed_samples(MODEL, [tone(LOW, 2)])
    assert low.shape == (1, 80)
    assert np.abs(low[0] - done[1][1]).max() < 0.1


def test_what_is_in_memory_is_not_read_from_disk() -> None:
    reader = SampleReader(held={"a": tone(LOW, 2), "rec": tone(HIGH, 2)})
    records = [Utterance("a"), Utterance("b", recording="rec", start_ms=500, end_ms=1500)]
    assert [len(reader(one, RATE)) for one in records] == [2 * RATE, RATE]
    assert [reader.seconds(one) for one in records] == [2.0, 1.0]
    with pytest.raises(DataError, match="has no source"):
        reader(Utterance("c"), RATE)


def test_recordings_are_cut_by_a_segments_file(talk: str, tmp_path: Path) -> None:
    listing = tmp_path / "segments"
    listing.write_text("s1 talk 1.0 2.5\ns2 nobody 0 1\ns3 talk 5 4\ns4 talk 3 -1\n")
    records = [Utterance("talk", talk), Utterance("bad", status="error", error="said")]
    cut = list(cut_by_segments(records, listing))
    assert [(one.key, one.status) for one in cut] == [
        ("bad", "error"), ("s1", ""), ("s2", "error"), ("s3", "error"), ("s4", ""),
    ]  # fmt: skip
    assert (cut[1].start_ms, cut[1].end_ms, cut[1].recording, cut[1].source) == (1000, 2500, "talk", talk)
    assert "nobody is not among the recordings" in (cut[2].error or "")
    assert cut[4].end_ms is None


def test_what_is_too_much_for_the_memory_costs_only_itself(talk: str) -> None:
    def embed_a_little(feats: Sequence[np.ndarray], fills_batches: bool = False) -> np.ndarray:
        if sum(map(len, feats)) > 500:
            raise MemoryError
        return embed(feats)

    model = replace(MODEL, embed=embed_a_little)
    records = segments(talk, (0, 4000), (0, 20000), (4000, 8000))
    done = list(embed_utterances(model, records))
    assert [one.status for one, _ in done] == ["ok", "error", "ok"]
    assert "not enough memory" in (done[1][0].error or "")
