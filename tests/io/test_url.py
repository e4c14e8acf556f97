import contextlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from asrtools.errors import DataError
from asrtools.io.url import cached_path, fetch, url_name

BODY = bytes(range(256)) * 2000


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requested.append(self.path)
        if self.path.startswith("/slow"):
            time.sleep(0.2)
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        if self.path.startswith("/hang"):
            self.server.released.wait(10)
            return
        self.send_response(200)
        if "chunked" not in self.path:
            self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[:1000] if self.path.startswith("/short") else BODY)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.requested, running.released = [], threading.Event()
        running.address = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


def test_an_address_is_fetched_once_and_keeps_its_extension(server, tmp_path):
    url = f"{server.address}/wavs/BAC009%20a.wav?token=1"
    path = fetch(url, tmp_path)
    assert path.read_bytes() == BODY
    assert path.name.startswith("BAC009_a-")
    assert path.suffix == ".wav"
    assert fetch(url, tmp_path) == path
    assert len(server.requested) == 1
    assert os.listdir(tmp_path) == [path.name]


def test_a_complete_cache_needs_no_server(server, tmp_path):
    url = f"{server.address}/a.wav"
    path = fetch(url, tmp_path)
    server.requested.clear()
    assert fetch(url, tmp_path, offline=True) == path
    assert server.requested == []


def test_names_outside_ascii_are_fetched(server, tmp_path):
    assert fetch(f"{server.address}/你好 吗.wav", tmp_path).read_bytes() == BODY
    assert server.requested == ["/%E4%BD%A0%E5%A5%BD%20%E5%90%97.wav"]


def test_a_body_without_length_is_taken_whole(server, tmp_path):
    assert fetch(f"{server.address}/chunked", tmp_path).read_bytes() == BODY


def test_the_cache_is_where_the_environment_says(server, tmp_path, monkeypatch):
    monkeypatch.setenv("ASRTOOLS_CACHE", str(tmp_path / "cache"))
    assert fetch(f"{server.address}/a.flac").parent == tmp_path / "cache" / "url"


def test_two_addresses_with_one_name_have_two_places(tmp_path):
    assert cached_path("http://a/x.wav", tmp_path) != cached_path("http://b/x.wav", tmp_path)
    assert cached_path("http://a/x.tar.notanextension", tmp_path).suffix == ""


def test_two_processes_at_once_end_with_one_whole_file(server, tmp_path):
    url = f"{server.address}/slow.wav"
    script = "import sys; from asrtools.io.url import fetch; print(fetch(sys.argv[1], sys.argv[2]))"
    processes = [
        subprocess.Popen([sys.executable, "-c", script, url, tmp_path], stdout=subprocess.PIPE, text=True) for _ in "ab"
    ]
    paths = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert len(paths) == 1
    assert Path(paths.pop()).read_bytes() == BODY
    assert len(os.listdir(tmp_path)) == 1


@pytest.mark.parametrize("is_env", [True, False])
def test_offline_without_a_copy_says_the_cure(tmp_path, monkeypatch, is_env):
    monkeypatch.setenv("ASRTOOLS_OFFLINE", "1" if is_env else "0")
    with pytest.raises(DataError, match="is not in the cache .*; fetch it once without --offline"):
        fetch("http://127.0.0.1:9/a.wav", tmp_path, offline=not is_env)


def test_trouble_is_one_sentence_and_leaves_nothing(server, tmp_path):
    with contextlib.closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{closed.getsockname()[1]}/a.wav"
        with pytest.raises(DataError, match="a.wav: cannot be reached .connection refused.; check"):
            fetch(refused, tmp_path)
    with pytest.raises(DataError, match="missing.wav: the server answers 404 Not Found; check the address"):
        fetch(f"{server.address}/missing.wav", tmp_path)
    with pytest.raises(DataError, match="short.wav: the transfer broke off after 1000 of 512000 bytes; try again"):
        fetch(f"{server.address}/short.wav", tmp_path)
    with pytest.raises(DataError, match="hang.wav: no answer in 0.2 s; try again later"):
        fetch(f"{server.address}/hang.wav", tmp_path, timeout_s=0.2)
    with pytest.raises(DataError, match="no-such-host.invalid/a.wav: cannot be reached"):
        fetch("http://no-such-host.invalid/a.wav", tmp_path)
    with pytest.raises(DataError, match="http://127.0.0.1:port/a.wav: "):
        fetch("http://127.0.0.1:port/a.wav", tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_cache_that_cannot_be_made_names_the_variable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="set ASRTOOLS_CACHE"):
        fetch("http://127.0.0.1:9/a.wav", tmp_path / "file" / "cache")


def test_the_name_at_the_end_of_an_address():
    assert url_name("https://host/a/b%20c.wav?x=/y.mp3#z") == "b c.wav"
    assert url_name("https://host/") == ""
