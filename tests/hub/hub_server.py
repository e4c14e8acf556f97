"""A small http server that speaks the protocols of modelscope and huggingface, for tests with their real clients."""

import contextlib
import hashlib
import http.server
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

LFS_BYTES = 1000  # a file from this size on is one of git-lfs


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


@dataclass
class Repository:
    revisions: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def commit(self, revision: str) -> str | None:
        """The commit behind a branch, a tag or a commit's own name."""
        commits = {name: hashlib.sha1(name.encode()).hexdigest() for name in self.revisions}
        names = {**commits, **{commit: commit for commit in commits.values()}}
        names.setdefault("main", names.get("master", ""))
        return names.get(revision) or None

    def files(self, revision: str) -> dict[str, bytes] | None:
        commit = self.commit(revision)
        return next((files for name, files in self.revisions.items() if self.commit(name) == commit), None)


class HubServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.repositories: dict[str, Repository] = {}
        self.requests: list[tuple[str, str, str]] = []  # method, path, Range
        self.cut: dict[str, int] = {}  # file: bytes after which its next transfer breaks off
        self.stalled: dict[str, int] = {}  # file: bytes after which its next transfer waits for `hold`
        self.damaged: dict[str, int] = {}  # file: how many transfers have one byte wrong
        self.gone: set[str] = set()  # files that are listed and not there
        self.plain: dict[str, bytes] = {}  # files under /plain/
        self.sizes: dict[str, int] = {}  # file: what the listing says in place of its size
        self.hold = threading.Event()  # transfers wait for it
        self.hold.set()

    def add(self, model_id: str, files: dict[str, bytes] | Path, revision: str = "master") -> None:
        if isinstance(files, Path):
            files = {
                str(path.relative_to(files)): path.read_bytes() for path in sorted(files.rglob("*")) if path.is_file()
            }
        self.repositories.setdefault(model_id, Repository()).revisions[revision] = files

    def transfers(self, name: str) -> list[tuple[str, str, str]]:
        """The requests for the content of a file."""
        return [request for request in self.requests if request[0] == "GET" and name in request[1]]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client that was killed
            super().handle()

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.server.requests.append((self.command, self.path, self.headers.get("Range", "")))
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        parts = [unquote(part) for part in address.path.strip("/").split("/")]
        if parts[:3] == ["api", "v1", "models"]:
            self._modelscope("/".join(parts[3:5]), parts[5:], query)
        elif parts[:2] == ["api", "models"]:
            self._huggingface("/".join(parts[2:4]), parts[4:])
        elif parts[0] == "plain":
            self._content(parts[1], self.server.plain.get(parts[1]), {})
        elif parts[2:3] == ["resolve"]:
            self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self._json(404, {"Code": 404, "Message": "not found"})

    # modelscope

    def _modelscope(self, model_id: str, rest: list[str], query: dict[str, str]) -> None:
        repository = self.server.repositories.get(model_id)
        files = repository.files(query.get("Revision", "master")) if repository else None
        if files is None:
            self._json(404, {"Code": 10010205001, "Success": False, "Message": "record not found", "Data": None})
        elif rest == ["repo", "files"]:
            listed = [
                {
                    "Name": Path(name).name,
                    "Path": name,
                    "Type": "blob",
                    "Size": self._size(name, content),
                    "Sha256": sha256(content),
                }
                for name, content in files.items()
            ]
            self._json(200, {"Code": 200, "Success": True, "Data": {"Files": listed}})
        elif rest == ["repo"]:
            self._content(query["FilePath"], files.get(query["FilePath"]), {})
        else:
            self._json(404, {"Code": 404, "Message": "not found"})

    def _size(self, name: str, content: bytes) -> int:
        return self.server.sizes.get(name, len(content))

    # huggingface

    def _huggingface(self, model_id: str, rest: list[str]) -> None:
        repository = self.server.repositories.get(model_id)
        if repository is None:
            self._json(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return
        commit, files = repository.commit(rest[1]), repository.files(rest[1])
        if commit is None or files is None:
            self._json(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        elif rest[0] == "revision":
            self._json(200, {"id": model_id, "sha": commit, "siblings": [{"rfilename": name} for name in files]})
        elif rest[0] == "tree":
            self._json(200, [self._tree_entry(name, content) for name, content in files.items()])

    @staticmethod
    def _tree_entry(name: str, content: bytes) -> dict[str, object]:
        entry: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": git_sha1(content)}
        if len(content) >= LFS_BYTES:
            entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
        return entry

    def _resolve(self, model_id: str, revision: str, name: str) -> None:
        repository = self.server.repositories.get(model_id)
        files = repository.files(revision) if repository else None
        content = files.get(name) if files else None
        if content is None or repository is None:
            self._json(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
            return
        tag = sha256(content) if len(content) >= LFS_BYTES else git_sha1(content)
        self._content(name, content, {"ETag": f'"{tag}"', "X-Repo-Commit": str(repository.commit(revision))})

    # both

    def _content(self, name: str, content: bytes | None, headers: dict[str, str]) -> None:
        server = self.server
        if content is None or name in server.gone:
            self._json(404, {"Code": 404, "Message": "not found"}, {"X-Error-Code": "EntryNotFound"})
            return
        total, start, status = len(content), 0, 200
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes="):
            start = int(wanted.removeprefix("bytes=").partition("-")[0] or 0)
            headers = {**headers, "Content-Range": f"bytes {start}-{total - 1}/{total}"}
            status = 206
        if self.command == "GET" and server.damaged.get(name, 0) > 0:
            server.damaged[name] -= 1
            content = bytes([content[0] ^ 0xFF]) + content[1:]
        body = content[start:]
        self.send_response(status)
        for header, value in {**headers, "Content-Length": str(len(body)), "Accept-Ranges": "bytes"}.items():
            self.send_header(header, value)
        self.end_headers()
        if self.command != "GET":
            return
        if name in server.stalled:
            self.wfile.write(body[: server.stalled[name]])
            self.wfile.flush()
            body = body[server.stalled.pop(name) :]
            server.hold.clear()
        server.hold.wait(30)
        if name in server.cut:
            self.wfile.write(body[: server.cut.pop(name)])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)
        else:
            self.wfile.write(body)

    def _json(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for header, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
