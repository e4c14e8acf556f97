"""Corpora: archives over http with resume and checksum, unpacked once, made into data directories."""

import hashlib
import io
import os
import subprocess
import tarfile
import wave
from pathlib import Path

import pytest
from hub_server import HubServer

from asrtools.errors import DataError, HubError
from asrtools.hub import archive as archives
from asrtools.hub import corpora
from asrtools.hub.corpora import Archive
from asrtools.tasks import corpus


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASRTOOLS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def wav(seconds: float = 0.2, rate: int = 8000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * round(seconds * rate)))
    return out.getvalue()


def tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as file:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return out.getvalue()


def serve(server: HubServer, name: str, content: bytes) -> tuple[Archive, str]:
    server.plain[name] = content
    return Archive(name, f"sha256:{hashlib.sha256(content).hexdigest()}"), f"{server.address}/plain"


RANDOM = {"corpus/noise.bin": os.urandom(3_000_000), "corpus/a.wav": wav()}


def test_an_archive_is_fetched_and_unpacked_once(server: HubServer, tmp_path: Path) -> None:
    archive, place = serve(server, "corpus.tar.gz", tar(RANDOM))
    archives.fetch_and_unpack(archive, [place], tmp_path / "to")
    assert (tmp_path / "to/corpus/noise.bin").read_bytes() == RANDOM["corpus/noise.bin"]
    server.requests.clear()
    (tmp_path / "to/corpus/a.wav").write_bytes(b"mine")
    archives.fetch_and_unpack(archive, [place], tmp_path / "to")
    assert server.requests == []
    assert (tmp_path / "to/corpus/a.wav").read_bytes() == b"mine"


def test_a_cut_transfer_goes_on_where_it_stopped(server: HubServer, tmp_path: Path) -> None:
    archive, place = serve(server, "corpus.tar.gz", tar(RANDOM))
    server.cut["corpus.tar.gz"] = 2_000_000
    archives.fetch_and_unpack(archive, [place], tmp_path / "to")
    assert (tmp_path / "to/corpus/noise.bin").read_bytes() == RANDOM["corpus/noise.bin"]
    asked = [request[2] for request in server.requests]
    assert asked[0] == "" and len(asked) == 2 and asked[1].startswith("bytes=")


def test_a_part_of_an_earlier_run_is_used(server: HubServer, tmp_path: Path) -> None:
    content = tar(RANDOM)
    archive, place = serve(server, "corpus.tar.gz", content)
    (tmp_path / "to").mkdir()
    (tmp_path / "to/corpus.tar.gz.part").write_bytes(content[:1000])
    archives.fetch_and_unpack(archive, [place], tmp_path / "to")
    assert [request[2] for request in server.requests] == ["bytes=1000-"]


def test_a_damaged_archive_is_an_error_and_is_not_unpacked(server: HubServer, tmp_path: Path) -> None:
    archive, place = serve(server, "corpus.tar.gz", tar(RANDOM))
    server.damaged["corpus.tar.gz"] = 10
    with pytest.raises(HubError, match="its checksum is sha256:"):
        archives.fetch_and_unpack(archive, [place], tmp_path / "to")
    assert [path.name for path in (tmp_path / "to").iterdir()] == []


def test_the_next_place_serves_when_the_first_is_gone(server: HubServer, tmp_path: Path) -> None:
    archive, place = serve(server, "corpus.tar.gz", tar(RANDOM))
    archives.fetch_and_unpack(archive, ["http://127.0.0.1:9", f"{server.address}/elsewhere", place], tmp_path / "to")
    assert (tmp_path / "to/corpus/a.wav").is_file()


def test_no_place_that_serves_names_them_all_and_the_cure(server: HubServer, tmp_path: Path) -> None:
    archive, _ = serve(server, "corpus.tar.gz", tar(RANDOM))
    with pytest.raises(HubError, match=r"127.0.0.1:9/corpus.tar.gz: .*answers 404.*--mirror"):
        archives.fetch_and_unpack(archive, ["http://127.0.0.1:9", f"{server.address}/no"], tmp_path / "to")


def test_an_archive_put_there_by_hand_needs_no_network(server: HubServer, tmp_path: Path) -> None:
    content = tar(RANDOM)
    archive, _ = serve(server, "corpus.tar.gz", content)
    (tmp_path / "to").mkdir()
    (tmp_path / "to/corpus.tar.gz").write_bytes(content)
    archives.fetch_and_unpack(archive, [], tmp_path / "to", offline=True)
    assert (tmp_path / "to/corpus/a.wav").is_file()


def test_an_archive_cannot_write_outside_of_its_place(server: HubServer, tmp_path: Path) -> None:
    archive, place = serve(server, "corpus.tar.gz", tar({"../escaped": b"x"}))
    with pytest.raises(HubError, match="cannot be unpacked"):
        archives.fetch_and_unpack(archive, [place], tmp_path / "a" / "b")
    assert not list(tmp_path.rglob("escaped"))


def test_archives_inside_of_an_archive_are_unpacked_too(server: HubServer, tmp_path: Path) -> None:
    content = tar({"wav/S0001.tar.gz": tar({"train/S0001/a.wav": wav()})})
    archive, place = serve(server, "outer.tgz", content)
    nested = Archive(archive.name, archive.digest, nested="wav/*.tar.gz")
    archives.fetch_and_unpack(nested, [place], tmp_path / "to")
    assert [str(p.relative_to(tmp_path / "to")) for p in (tmp_path / "to").rglob("*.wav")] == ["wav/train/S0001/a.wav"]


def served_corpus(
    monkeypatch: pytest.MonkeyPatch, server: HubServer, name: str, parts: dict[str, dict[str, bytes]]
) -> None:
    """The corpus of that name with these files, lying on the server."""
    known = corpora.CORPORA[name]
    made, place = {}, ""
    for part, files in parts.items():
        archive, place = serve(server, f"{part}.tar.gz", tar(files))
        made[part] = (archive,)
    monkeypatch.setitem(
        corpora.CORPORA, name, corpora.Corpus((place,), made, known.language, known.license, known.size, known.root)
    )


def fetch_corpus(name: str, to: Path) -> list[Path]:
    found = corpora.find(name)
    for files in found.parts.values():
        for file in files:
            archives.fetch_and_unpack(file, found.places, to)
    return corpus.prepare(name, to / found.root, list(found.parts), to / "data")


def is_valid(root: Path, folder: Path) -> bool:
    done = subprocess.run(
        ["bash", str(root / "utils/validate_data_dir.sh"), "--no-feats", str(folder)],
        env={**os.environ, "PATH": f"{root / 'bin'}:{root / 'utils'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return True


def test_librispeech_becomes_data_directories(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    chapter = "LibriSpeech/dev-clean/84/121123/84-121123"
    files = {
        f"{chapter}-0000.flac": wav(0.5, 16000),
        f"{chapter}-0001.flac": wav(0.5, 16000),
        f"{chapter}.trans.txt": b"84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT IN LESS THAN FIVE MINUTES\n",
    }
    served_corpus(monkeypatch, server, "librispeech", {"dev-clean": files})
    [folder] = fetch_corpus("librispeech", tmp_path / "to")
    assert folder == tmp_path / "to/data/dev-clean"
    assert (folder / "text").read_text().splitlines()[0] == "84-121123-0000 GO DO YOU HEAR"
    assert (folder / "utt2spk").read_text().splitlines() == ["84-121123-0000 84", "84-121123-0001 84"]
    assert is_valid(root, folder)


def test_aishell_becomes_data_directories(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        f"aishell/data_aishell/wav/{part}/S000{number}/BAC009S000{number}W0001.wav": wav(0.5, 16000)
        for number, part in enumerate(("train", "dev", "test"), 1)
    }
    lines = "".join(f"BAC009S000{number}W0001 今天 天气 好\n" for number in (1, 2, 3))
    files["aishell/data_aishell/transcript/aishell_transcript_v0.8.txt"] = lines.encode()
    served_corpus(monkeypatch, server, "aishell", {"all": files})
    folders = fetch_corpus("aishell", tmp_path / "to")
    assert [folder.name for folder in folders] == ["train", "dev", "test"]
    assert (folders[0] / "text").read_text() == "BAC009S0001W0001 今天天气好\n"


def test_fsdd_has_its_publishers_split(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    place = "free-spoken-digit-dataset-1.0.9/recordings"
    files = {
        f"{place}/{digit}_{who}_{n}.wav": wav() for digit in (0, 7) for who in ("theo", "george") for n in (0, 4, 5)
    }
    served_corpus(monkeypatch, server, "fsdd", {"all": files})
    train, test = fetch_corpus("fsdd", tmp_path / "to")
    assert (train / "text").read_text().splitlines() == [
        "george-0-05 zero",
        "george-7-05 seven",
        "theo-0-05 zero",
        "theo-7-05 seven",
    ]
    assert len((test / "wav.scp").read_text().splitlines()) == 8
    assert is_valid(root, train) and is_valid(root, test)


def test_a_corpus_that_is_not_whole_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "aishell").mkdir()
    with pytest.raises(DataError, match="was it unpacked whole"):
        corpus.prepare("aishell", tmp_path / "aishell", ["all"], tmp_path / "data")


def test_rows_of_a_table_become_lines() -> None:
    rows = [
        {"Audio:FILE": "/data/x/a b.wav", "Text:LABEL": "こんにちは"},
        {"Audio:FILE": "/data/y/a b.wav", "Text:LABEL": "x\ny"},
    ]
    lines = list(corpus.rows_to_lines(rows, "ms:a/b"))
    assert [(line.key, line.source, line.text) for line in lines] == [
        ("a_b", "/data/x/a b.wav", "こんにちは"),
        ("y-a_b", "/data/y/a b.wav", "x y"),
    ]


def test_a_table_without_recordings_names_its_columns() -> None:
    with pytest.raises(DataError, match="no column of recordings; its columns are id, sentence"):
        list(corpus.rows_to_lines([{"id": 1, "sentence": "x"}], "ms:a/b"))


def test_a_misspelt_corpus_and_part_name_what_there_is() -> None:
    with pytest.raises(HubError, match="did you mean librispeech"):
        corpora.find("librispech")
    with pytest.raises(HubError, match="it has dev-clean"):
        corpora.choose("librispeech", ["dev"])
