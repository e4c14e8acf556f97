"""download, end to end: the real clients of both hubs against a server that speaks their protocols."""

import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hub_server import HubServer

pytest.importorskip("huggingface_hub")

Download = Callable[..., "subprocess.CompletedProcess[str]"]
IDS = {"ms": "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch", "hf": "funasr/fsmn-vad"}
WEIGHTS = random.Random(1).randbytes(300_000)
FILES = {
    "config.yaml": b"model: FsmnVADStreaming\n",
    "configuration.json": b"{}",
    "model.pt": WEIGHTS,
    "example/vad_example.wav": b"RIFF" + bytes(2000),
}
OTHER = {**FILES, "config.yaml": b"model: FsmnVADStreaming\n# of v1\n"}

both = pytest.mark.parametrize("hub", ["ms", "hf"])


def content(folder: Path) -> dict[str, bytes]:
    """The files of a directory without the hidden ones, which belong to the clients and to us."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not name.startswith("."):
            found[name] = path.read_bytes()
    return found


def only_line(done: "subprocess.CompletedProcess[str]") -> str:
    """What a failed download of one model says, its closing line apart."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    said = [line for line in done.stderr.splitlines() if ": fetching " not in line]
    assert said[-1] == "download: 0 of 1 ok, 1 error"
    assert len(said) == 2, done.stderr
    return said[0]


@both
def test_the_first_download_brings_every_file_and_prints_the_directory(
    server: HubServer, download: Download, hub: str
) -> None:
    server.add(IDS[hub], FILES)
    done = download("--hub", hub, "fsmn-vad")
    assert done.returncode == 0, done.stderr
    assert content(Path(done.stdout.strip())) == FILES
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr.splitlines()[-1] == "download: 1 of 1 ok"


@both
def test_a_complete_cache_makes_no_request(server: HubServer, download: Download, hub: str) -> None:
    server.add(IDS[hub], FILES)
    first = download("--hub", hub, "fsmn-vad")
    server.requests.clear()
    again = download("--hub", hub, "fsmn-vad")
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert server.requests == []


@both
def test_a_complete_cache_serves_when_the_hub_is_gone(
    server: HubServer, download: Download, environment: dict[str, str], hub: str
) -> None:
    server.add(IDS[hub], FILES)
    first = download("--hub", hub, "fsmn-vad")
    environment.update(MODELSCOPE_ENDPOINT="http://127.0.0.1:9", HF_ENDPOINT="http://127.0.0.1:9")
    for arguments in (["fsmn-vad"], ["--offline", "fsmn-vad"], ["--revision", "master", IDS[hub]]):
        again = download("--hub", hub, *arguments)
        assert (again.returncode, again.stdout) == (0, first.stdout), again.stderr


@both
def test_a_file_lost_from_the_cache_is_fetched_again_and_the_rest_is_not(
    server: HubServer, download: Download, hub: str
) -> None:
    server.add(IDS[hub], FILES)
    folder = Path(download("--hub", hub, "fsmn-vad").stdout.strip())
    (folder / "config.yaml").unlink()
    server.requests.clear()
    assert download("--hub", hub, "fsmn-vad").returncode == 0
    assert content(folder) == FILES
    assert server.transfers("model.pt") == []


@both
def test_a_cut_connection_does_not_cost_the_download(server: HubServer, download: Download, hub: str) -> None:
    server.add(IDS[hub], FILES)
    server.cut["model.pt"] = 100_000
    done = download("--hub", hub, "fsmn-vad")
    assert done.returncode == 0, done.stderr
    assert content(Path(done.stdout.strip())) == FILES
    assert len(server.transfers("model.pt")) == 2


def test_modelscope_goes_on_where_the_connection_was_cut(server: HubServer, download: Download) -> None:
    server.add(IDS["ms"], FILES)
    server.cut["model.pt"] = 100_000
    assert download("fsmn-vad").returncode == 0
    assert [request[2] for request in server.transfers("model.pt")] == ["", "bytes=100000-"]


@both
def test_a_killed_download_leaves_nothing_that_looks_finished_and_goes_on(
    server: HubServer, start: "Callable[..., subprocess.Popen[str]]", download: Download, tmp_path: Path, hub: str
) -> None:
    server.add(IDS[hub], FILES)
    server.stalled["model.pt"] = 131_072
    process = start("--hub", hub, "fsmn-vad")
    while server.stalled or not list((tmp_path / "cache").rglob("*incomplete*")):
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert not [path for path in (tmp_path / "cache").rglob("model.pt") if path.exists()]
    server.hold.set()
    done = download("--hub", hub, "fsmn-vad")
    assert done.returncode == 0, done.stderr
    assert content(Path(done.stdout.strip())) == FILES


@both
def test_ctrl_c_ends_a_download_that_waits(
    server: HubServer, start: "Callable[..., subprocess.Popen[str]]", hub: str
) -> None:
    server.add(IDS[hub], FILES)
    server.stalled["model.pt"] = 131_072
    process = start("--hub", hub, "fsmn-vad")
    while server.stalled:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)  # the server would hold it for 30
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "download: interrupted"


@both
def test_a_download_that_failed_goes_on(server: HubServer, download: Download, tmp_path: Path, hub: str) -> None:
    server.add(IDS[hub], FILES)
    server.gone.add("model.pt")
    target = ["--to", str(tmp_path / "vad")]
    assert download("--hub", hub, *target, "fsmn-vad").returncode == 1
    server.gone.clear()
    done = download("--hub", hub, *target, "fsmn-vad")
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "vad") == FILES


@both
def test_a_damaged_file_is_fetched_again(server: HubServer, download: Download, hub: str) -> None:
    server.add(IDS[hub], FILES)
    server.damaged["model.pt"] = 1
    done = download("--hub", hub, "fsmn-vad")
    assert done.returncode == 0, done.stderr
    assert content(Path(done.stdout.strip())) == FILES


@pytest.mark.parametrize(("hub", "name"), [("ms", "model.pt"), ("hf", "model.pt"), ("hf", "config.yaml")])
def test_a_file_that_stays_damaged_is_an_error_and_is_not_kept(
    server: HubServer, download: Download, tmp_path: Path, hub: str, name: str
) -> None:
    server.add(IDS[hub], FILES)
    server.damaged[name] = 100
    said = only_line(download("--hub", hub, "fsmn-vad"))
    assert f"{name} arrived damaged each time" in said
    kept = [path for path in (tmp_path / "cache").rglob(name) if path.is_file()]
    assert kept == []
    server.damaged.clear()
    done = download("--hub", hub, "fsmn-vad")
    assert content(Path(done.stdout.strip())) == FILES


@both
def test_revisions_lie_side_by_side(server: HubServer, download: Download, hub: str) -> None:
    server.add(IDS[hub], FILES)
    server.add(IDS[hub], OTHER, revision="v1.0")
    newest = Path(download("--hub", hub, "fsmn-vad").stdout.strip())
    tagged = Path(download("--hub", hub, "--revision", "v1.0", "fsmn-vad").stdout.strip())
    assert content(newest) == FILES
    assert content(tagged) == OTHER
    server.requests.clear()
    assert download("--hub", hub, "--revision", "v1.0", "fsmn-vad").stdout.strip() == str(tagged)
    assert server.requests == []


@both
def test_a_revision_that_is_not_there_is_named(server: HubServer, download: Download, hub: str) -> None:
    server.add(IDS[hub], FILES)
    said = only_line(download("--hub", hub, "--revision", "v9", "fsmn-vad"))
    assert "has no revision 'v9'" in said


@both
def test_a_copy_that_was_not_checked_is_pointed_out_when_the_hub_is_gone(
    server: HubServer, download: Download, environment: dict[str, str], hub: str
) -> None:
    server.add(IDS[hub], FILES)
    folder = Path(download("--hub", hub, "fsmn-vad").stdout.strip())
    (folder / ".asrtools.json").unlink()  # as another client leaves it
    environment.update(MODELSCOPE_ENDPOINT="http://127.0.0.1:9", HF_ENDPOINT="http://127.0.0.1:9")
    assert f"{folder} has a copy that was not checked, --offline takes it" in only_line(
        download("--hub", hub, "fsmn-vad")
    )
    assert download("--hub", hub, "--offline", "fsmn-vad").stdout.strip() == str(folder)


def test_a_mistyped_directory_is_said_to_be_none(download: Download) -> None:
    assert "there is no directory exp/modle either" in only_line(download("exp/modle"))


@both
def test_an_id_that_is_not_there_names_the_near_ones(server: HubServer, download: Download, hub: str) -> None:
    said = only_line(download("--hub", hub, "iic/speech_fsmn_vad_zh-cn-16k-comon-pytorch"))
    assert "has no such model" in said
    assert "did you mean fsmn-vad" in said


@both
def test_a_file_that_is_listed_and_not_there_is_named(server: HubServer, download: Download, hub: str) -> None:
    server.add(IDS[hub], FILES)
    server.gone.add("example/vad_example.wav")
    assert "example/vad_example.wav" in only_line(download("--hub", hub, "fsmn-vad"))


@both
def test_a_hub_that_cannot_be_reached_is_one_sentence_with_the_cure(
    download: Download, environment: dict[str, str], hub: str
) -> None:
    environment.update(MODELSCOPE_ENDPOINT="http://127.0.0.1:9", HF_ENDPOINT="http://127.0.0.1:9")
    said = only_line(download("--hub", hub, "fsmn-vad"))
    assert "cannot be reached; check the network" in said
    assert "--to DIR" in said


@both
def test_two_processes_at_once_transfer_each_file_once(
    server: HubServer, start: "Callable[..., subprocess.Popen[str]]", hub: str
) -> None:
    server.add(IDS[hub], FILES)
    server.hold.clear()
    both = [start("--hub", hub, "fsmn-vad"), start("--hub", hub, "fsmn-vad")]
    assert both[0].stderr is not None
    while not server.transfers("config.yaml"):  # one of them is in the middle of it
        time.sleep(0.02)
    server.hold.set()
    done = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], done
    assert done[0][0] == done[1][0]
    assert content(Path(done[0][0].strip())) == FILES
    assert len(server.transfers("model.pt")) == 1


@both
def test_update_asks_for_what_is_newest(server: HubServer, download: Download, hub: str) -> None:
    server.add(IDS[hub], FILES)
    download("--hub", hub, "fsmn-vad")
    server.repositories[IDS[hub]].revisions = {"master": OTHER}
    if hub == "hf":  # a new commit
        server.repositories[IDS[hub]].revisions = {"newer": OTHER}
        server.repositories[IDS[hub]].commit = lambda _: "b" * 40  # type: ignore[method-assign]
    done = download("--hub", hub, "--update", "fsmn-vad")
    assert done.returncode == 0, done.stderr
    assert content(Path(done.stdout.strip())) == OTHER


@both
def test_to_makes_a_directory_that_stands_alone(
    server: HubServer, download: Download, tmp_path: Path, hub: str
) -> None:
    server.add(IDS[hub], FILES)
    done = download("--hub", hub, "--to", tmp_path / "vad", "fsmn-vad")
    assert done.stdout.strip() == str(tmp_path / "vad")
    assert content(tmp_path / "vad") == FILES
    assert not any(path.is_symlink() for path in (tmp_path / "vad").rglob("*"))
    server.requests.clear()
    assert download("--hub", hub, "--to", tmp_path / "vad", "fsmn-vad").returncode == 0
    assert server.requests == []


def test_to_does_not_mix_a_model_into_other_files(server: HubServer, download: Download, tmp_path: Path) -> None:
    server.add(IDS["ms"], FILES)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").write_text("x")
    assert "holds other files" in only_line(download("--to", tmp_path / "taken", "fsmn-vad"))
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["thesis.tex"]


def test_one_failure_does_not_cost_the_other_models(server: HubServer, download: Download) -> None:
    server.add(IDS["ms"], FILES)
    done = download("fsmn-vd", "fsmn-vad")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert "did you mean fsmn-vad" in done.stderr
    assert done.stderr.splitlines()[-1] == "download: 1 of 2 ok, 1 error"


def test_a_hub_cannot_write_outside_of_the_directory(server: HubServer, download: Download, tmp_path: Path) -> None:
    server.add(IDS["ms"], {**FILES, "../../escaped": b"x"})
    assert "a file outside of it" in only_line(download("--to", tmp_path / "a" / "b", "fsmn-vad"))
    assert not list(tmp_path.rglob("escaped"))


def test_a_model_that_does_not_fit_on_the_disk_is_not_begun(server: HubServer, download: Download) -> None:
    server.add(IDS["ms"], FILES)
    server.sizes["model.pt"] = 1 << 60
    assert "make room" in only_line(download("fsmn-vad"))
    assert server.transfers("model.pt") == []


def test_list_prints_the_table_without_network(download: Download, environment: dict[str, str]) -> None:
    environment.update(ASRTOOLS_OFFLINE="1")
    done = download("--list")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["name", "task", "languages", "rate", "size", "status", "modelscope", "huggingface"]
    assert any("UniASR_asr_2pass-ja-16k-common-vocab93-tensorflow1-online" in line for line in lines)
    assert any(line.startswith("Whisper-large-v3 ") and "no loader yet" in line for line in lines)
    assert len(download("--list", "fsmn-vad").stdout.splitlines()) == 2
