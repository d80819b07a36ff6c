"""A Hub of the tests' own on loopback: the routes that huggingface_hub and datasets need to read repositories and push.

    with HubServer() as hub:
        repo = hub.add_repo("owner/name", {"a.mp4": b"..."})
        environment = hub.environment(home)  # for a fresh process: set before huggingface_hub is imported

A repository is a list of commits, each a whole snapshot: path -> bytes, or a file on disk. Large files are kept as LFS
objects and served, as the Hub does, by a redirect. Every request is recorded. To add a route: a method and one line in
`ROUTES`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import multiprocessing
import os
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

import yaml

LFS_FROM = 4_000  # bytes; the Hub decides by .gitattributes and 10 MB, here small clips have to go that way too
CHUNK = 65_536  # bytes written at once; what is written counts as sent
PAGE = 1000  # entries of a tree a request
DATE = "2026-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class Blob:
    """A file's content: bytes, or a file on disk that is served from there."""

    content: bytes | Path

    @property
    def size(self) -> int:
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.read(0, self.size)).hexdigest()

    @cached_property
    def git_oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % self.size + self.read(0, self.size)).hexdigest()

    @property
    def is_lfs(self) -> bool:
        return self.size >= LFS_FROM

    def read(self, start: int, end: int) -> bytes:
        if isinstance(self.content, bytes):
            return self.content[start:end]
        with self.content.open("rb") as stream:
            stream.seek(start)
            return stream.read(end - start)


@dataclass
class Repo:
    """A repository: snapshots by commit, branches and tags by name. `gated`: names of those who were let in."""

    name: str
    kind: str = "dataset"
    private: bool = False
    gated: set[str] | None = None
    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes | str | Path | None], branch: str = "main") -> str:
        """Add files to a branch (None takes one away) and return the commit."""
        snapshot = dict(self.commits.get(self.refs.get(branch, ""), {}))
        for path, content in files.items():
            if content is None:
                del snapshot[path]
            else:
                snapshot[path] = Blob(content.encode() if isinstance(content, str) else content)
        parts = [self.name, str(len(self.commits)), *sorted(snapshot)]
        sha = hashlib.sha1("\n".join(parts).encode()).hexdigest()
        self.commits[sha] = snapshot
        self.refs[branch] = sha
        return sha

    def resolve(self, revision: str) -> str | None:
        return revision if revision in self.commits else self.refs.get(revision)


@dataclass
class Request:
    """What was asked for and answered: `sent` bytes of a body, `user` the name the token stands for."""

    method: str
    path: str
    status: int
    range: str | None
    user: str | None
    sent: int = 0


@dataclass
class Fault:
    """What goes wrong with the next `times` answers whose path matches: `status`, or the line cut after `cut` bytes."""

    pattern: str
    status: int | None = None
    cut: int | None = None
    times: int = 1


class HubServer:
    """A server thread on a free port; see the module."""

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.tokens: dict[str, str] = {}
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> HubServer:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def storage(self) -> str:
        """Where large files lie: by name another host than the Hub, as it is there, so that no login may be sent."""
        return f"http://localhost:{self._server.server_port}"

    def environment(self, home: Path, token: str | None = None) -> dict[str, str]:
        """What a fresh process needs to know no other Hub than this one."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
            "HF_TOKEN": token or "",
        }

    def add_repo(
        self, name: str, files: dict[str, bytes | str | Path], kind: str = "dataset", **access: object
    ) -> Repo:
        """Make a repository with one commit on main."""
        repo = self.repos[kind, name] = Repo(name, kind, **access)
        repo.commit(files)
        return repo

    def sent(self, pattern: str = "") -> int:
        """Bytes of files sent so far, of paths in which the pattern is found."""
        files = [request for request in self.requests if "/resolve/" in request.path or "/lfs/" in request.path]
        return sum(request.sent for request in files if re.search(pattern, request.path))

    def fault_of(self, path: str) -> Fault | None:
        fault = next((fault for fault in self.faults if fault.times > 0 and re.search(fault.pattern, path)), None)
        if fault:
            fault.times -= 1
        return fault


@contextmanager
def fresh_process(environment: dict[str, str]) -> Iterator[ProcessPoolExecutor]:
    """A process that knows this environment from its start: `submit(function, ...).result()` runs there.

    The libraries read the Hub's address when they are imported, which in this process was long ago.
    """
    kept = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            pool.submit(os.getpid).result()
            yield pool
    finally:
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


class Refused(Exception):
    """An answer with the Hub's own error code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Handler(BaseHTTPRequestHandler):
    """One connection; the class made by `HubServer` carries the server as `hub`."""

    hub: ClassVar[HubServer]
    protocol_version = "HTTP/1.1"

    def log_message(self, *message: object) -> None:
        """Tests print nothing; the requests are recorded instead."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        self.query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        self.fault = self.hub.fault_of(unquote(url.path))
        try:
            if self.fault and self.fault.status:
                raise Refused(self.fault.status, "", "a fault that the test set")
            for method, pattern, handle in ROUTES:
                match = re.fullmatch(pattern, url.path)
                if match and self.command in method.split("|"):
                    handle(self, **{name: unquote(value or "") for name, value in match.groupdict().items()})
                    return
            raise Refused(404, "", f"no route for {self.command} {url.path}")
        except Refused as error:
            headers = {"X-Error-Code": error.code, "X-Error-Message": str(error)}
            self.send(error.status, {"error": str(error)}, headers)

    def send(self, status: int, body: object = b"", headers: dict[str, str] | None = None) -> None:
        """Answer with bytes, or with anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        cut = self.fault.cut if self.fault and self.fault.cut is not None else None
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        data = b"" if self.command == "HEAD" else data[:cut]
        request = Request(self.command, unquote(self.path), status, self.headers.get("Range"), self.user())
        self.hub.requests.append(request)
        try:
            for start in range(0, len(data), CHUNK):
                self.wfile.write(data[start : start + CHUNK])
                request.sent += len(data[start : start + CHUNK])
        except OSError:  # who asked has heard enough
            self.close_connection = True
        if cut is not None:
            self.close_connection = True

    def user(self) -> str | None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        return self.hub.tokens.get(token)

    def snapshot(self, kind: str, name: str, revision: str) -> tuple[Repo, str, dict[str, Blob]]:
        """The repository, commit and files that a request may see.

        Raises:
            Refused: as the Hub refuses: an unknown repository and a private one look the same.
        """
        repo = self.hub.repos.get((kind.removesuffix("s") or "model", name))
        user = self.user()
        if repo is None or (repo.private and user is None):
            raise Refused(404 if user else 401, "RepoNotFound", "Repository not found")
        sha = repo.resolve(revision or "main")
        if sha is None:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return repo, sha, repo.commits[sha]

    def let_in(self, repo: Repo) -> None:
        """Refuse the files of a gated repository; what it is and which files it has is told to all."""
        user = self.user()
        if repo.gated is not None and user not in repo.gated:
            raise Refused(403 if user else 401, "GatedRepo", f"Access to dataset {repo.name} is restricted.")

    def whoami(self) -> None:
        if self.user() is None:
            raise Refused(401, "", "Invalid credentials in Authorization header")
        self.send(200, {"type": "user", "name": self.user(), "orgs": [], "auth": {}})

    def info(self, kind: str, name: str, revision: str = "") -> None:
        repo, sha, files = self.snapshot(kind, name, revision)
        card = files.get("README.md")
        parts = card.read(0, card.size).decode().split("---\n") if card else []
        info = {
            "_id": hashlib.sha1(name.encode()).hexdigest()[:24],
            "id": name,
            "author": name.split("/")[0],
            "sha": sha,
            "private": repo.private,
            "gated": "auto" if repo.gated is not None else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "createdAt": DATE,
            "lastModified": DATE,
            "cardData": yaml.safe_load(parts[1]) if len(parts) > 2 else {},
            "siblings": [{"rfilename": path} for path in sorted(files)],
        }
        self.send(200, info)

    def tree(self, kind: str, name: str, revision: str, path: str = "") -> None:
        _, _, files = self.snapshot(kind, name, revision)
        recursive = self.query.get("recursive", "").lower() in ("true", "1")
        entries = list(_entries(files, path, recursive))
        if path and not entries:
            raise Refused(404, "EntryNotFound", f"{path} does not exist on {revision}")
        start = int(self.query.get("cursor", 0))
        more = {**self.query, "cursor": str(start + PAGE)}
        following = self.hub.endpoint + urlsplit(self.path).path + "?" + "&".join(f"{k}={v}" for k, v in more.items())
        link = {"Link": f'<{following}>; rel="next"'} if start + PAGE < len(entries) else {}
        self.send(200, entries[start : start + PAGE], link)

    def paths_info(self, kind: str, name: str, revision: str) -> None:
        _, _, files = self.snapshot(kind, name, revision)
        if self.headers.get("Content-Type", "").startswith("application/json"):
            asked = json.loads(self.body)["paths"]
        else:
            asked = parse_qs(self.body.decode())["paths"]
        everything = {entry["path"]: entry for entry in _entries(files, "", recursive=True)}
        self.send(200, [everything[path] for path in asked if path in everything])

    def refs(self, kind: str, name: str) -> None:
        repo, _, _ = self.snapshot(kind, name, "")
        branches = [{"name": n, "ref": f"refs/heads/{n}", "targetCommit": sha} for n, sha in repo.refs.items()]
        self.send(200, {"branches": branches, "tags": [], "converts": []})

    def history(self, kind: str, name: str, revision: str) -> None:
        repo, sha, _ = self.snapshot(kind, name, revision)
        shas = list(repo.commits)[: list(repo.commits).index(sha) + 1][::-1]
        self.send(200, [{"id": sha, "title": "", "message": "", "authors": [], "date": DATE} for sha in shas])

    def create(self) -> None:
        """A repository of its own for whoever is known here; what is there stays as it is."""
        asked = json.loads(self.body)
        owner = asked.get("organization") or self.writer()
        name = f"{owner}/{asked['name']}"
        if (asked.get("type", "model"), name) not in self.hub.repos:
            self.hub.add_repo(name, {}, asked.get("type", "model"), private=bool(asked.get("private")))
        self.send(200, {"url": f"{self.hub.endpoint}/{name}"})

    def validate_yaml(self) -> None:
        """Whether the head of a card, between its two lines of dashes, is a mapping."""
        content = json.loads(self.body)["content"]
        head = content.split("---\n")[1] if content.startswith("---\n") else ""
        try:
            errors = [] if isinstance(yaml.safe_load(head), dict) else [{"message": "no mapping at its head"}]
        except yaml.YAMLError as error:
            errors = [{"message": str(error)}]
        self.send(400 if errors else 200, {"errors": errors, "warnings": []})

    def preupload(self, kind: str, name: str, revision: str) -> None:
        """Every file comes with the commit: none is sent ahead as a large one."""
        paths = [file["path"] for file in json.loads(self.body)["files"]]
        self.send(200, {"files": [{"path": path, "uploadMode": "regular", "shouldIgnore": False} for path in paths]})

    def commit(self, kind: str, name: str, revision: str) -> None:
        self.writer()
        repo, _, _ = self.snapshot(kind, name, revision)
        lines = [json.loads(line) for line in self.body.splitlines()]
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"]) for line in lines if line["key"] == "file"
        }
        sha = repo.commit(files, revision)
        self.send(200, {"success": True, "commitOid": sha, "commitUrl": f"{self.hub.endpoint}/{name}/commit/{sha}"})

    def branch(self, kind: str, name: str, branch: str) -> None:
        self.writer()
        repo, sha, _ = self.snapshot(kind, name, "")
        repo.refs.setdefault(branch, sha)
        self.send(200, {})

    def writer(self) -> str:
        if (user := self.user()) is None:
            raise Refused(401, "", "Invalid credentials in Authorization header")
        return user

    def resolve(self, kind: str, name: str, revision: str, path: str) -> None:
        repo, sha, files = self.snapshot(kind, name, revision)
        self.let_in(repo)
        blob = files.get(path)
        if blob is None:
            raise Refused(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": sha, "ETag": f'"{blob.git_oid}"', "Accept-Ranges": "bytes"}
        if not blob.is_lfs:
            self.send_range(blob, headers)
            return
        place = f"{self.hub.storage}/lfs/{blob.sha256}/{quote(path)}?X-Amz-Signature=secret-of-the-address"
        linked = {"X-Linked-Size": str(blob.size), "X-Linked-ETag": f'"{blob.sha256}"', "Location": place}
        self.send(302, b"", {**headers, **linked})

    def lfs(self, oid: str, path: str) -> None:
        blobs = (blob for repo in self.hub.repos.values() for files in repo.commits.values() for blob in files.values())
        blob = next((blob for blob in blobs if blob.is_lfs and blob.sha256 == oid), None)
        if blob is None:
            raise Refused(404, "", "no such object")
        self.send_range(blob, {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"})

    def send_range(self, blob: Blob, headers: dict[str, str]) -> None:
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if not asked or not any(asked.groups()):
            self.send(200, blob.read(0, blob.size), headers)
            return
        if not asked[1]:
            start, end = max(0, blob.size - int(asked[2])), blob.size
        else:
            start, end = int(asked[1]), min(blob.size, int(asked[2] or blob.size - 1) + 1)
        if start >= blob.size:
            self.send(416, b"", {**headers, "Content-Range": f"bytes */{blob.size}"})
            return
        self.send(206, blob.read(start, end), {**headers, "Content-Range": f"bytes {start}-{end - 1}/{blob.size}"})


def _entries(files: dict[str, Blob], folder: str, recursive: bool) -> Iterator[dict]:
    """What the tree route lists: folders before the files in them."""
    prefix = folder + "/" if folder else ""
    seen = set()
    for path in sorted(files):
        if not path.startswith(prefix):
            continue
        parents = path[len(prefix) :].split("/")[:-1]
        for depth in range(1, len(parents) + 1 if recursive else min(len(parents), 1) + 1):
            parent = prefix + "/".join(parents[:depth])
            if parent not in seen:
                seen.add(parent)
                yield {"type": "directory", "oid": hashlib.sha1(parent.encode()).hexdigest(), "size": 0, "path": parent}
        if recursive or not parents:
            blob = files[path]
            lfs = {"lfs": {"oid": blob.sha256, "size": blob.size, "pointerSize": 130}} if blob.is_lfs else {}
            yield {"type": "file", "oid": blob.git_oid, "size": blob.size, "path": path, **lfs}


_API = r"/api/(?P<kind>models|datasets|spaces)/(?P<name>[^/]+/[^/]+)"
_FILE = r"/(?:(?P<kind>datasets|spaces)/)?(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)"
ROUTES = (
    ("GET", "/api/whoami-v2", Handler.whoami),
    ("POST", "/api/repos/create", Handler.create),
    ("POST", "/api/validate-yaml", Handler.validate_yaml),
    ("POST", _API + "/preupload/(?P<revision>[^/]+)", Handler.preupload),
    ("POST", _API + "/commit/(?P<revision>[^/]+)", Handler.commit),
    ("POST", _API + "/branch/(?P<branch>[^/]+)", Handler.branch),
    ("GET", _API, Handler.info),
    ("GET", _API + "/revision/(?P<revision>[^/]+)", Handler.info),
    ("GET", _API + "/tree/(?P<revision>[^/]+)(?:/(?P<path>.+))?", Handler.tree),
    ("POST", _API + "/paths-info/(?P<revision>[^/]+)", Handler.paths_info),
    ("GET", _API + "/refs", Handler.refs),
    ("GET", _API + "/commits/(?P<revision>[^/]+)", Handler.history),
    ("GET|HEAD", _FILE, Handler.resolve),
    ("GET|HEAD", "/lfs/(?P<oid>[0-9a-f]{64})/(?P<path>.+)", Handler.lfs),
)
