"""Videos found by the names that rows give them, in folders and archives; what no row may reach."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import time
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from asid_hf.dataset_builder import videos as videos_module
from asid_hf.dataset_builder.videos import VideoIndex
from media_files import make_clip

from asid_hf import media_archive
from asid_hf.errors import InputError, MediaError
from asid_hf.media import open_clip
from asid_hf.media_archive import member_address, parse_member_address


def put(path: Path, data: bytes = b"film") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name.encode())
    return path


def tarred(path: Path, folder: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        archive.add(folder, ".")
    return path


def test_a_row_finds_its_video_by_name_whatever_its_folders(tmp_path: Path) -> None:
    path = put(tmp_path / "deep" / "er" / "ytb_abc.mp4")
    videos = VideoIndex(tmp_path)
    for asked in (
        "videos/x/ytb_abc.mp4",
        "ytb_abc.mp4",
        "/data/ytb_abc.mp4",
        "C:\\v\\ytb_abc.mp4",
        "./a/../ytb_abc.mp4",
    ):
        assert videos.find(asked, "ytb_abc") == str(path)
    assert videos.find("videos/x/ytb_other.mp4", "ytb_other") is None
    assert videos.ambiguous == {}


def test_the_exact_name_comes_before_another_ending_and_both_before_the_id(tmp_path: Path) -> None:
    mkv, mp4 = put(tmp_path / "a" / "x.mkv"), put(tmp_path / "b" / "x.mp4")
    only = put(tmp_path / "only.WEBM")
    videos = VideoIndex(tmp_path)
    assert videos.find("a/x.mp4", "x") == str(mp4)
    assert videos.find("b/x.mkv", "x") == str(mkv)
    assert videos.find("only.mp4", "only") == videos.find("only", "-") == videos.find(None, "only") == str(only)
    assert videos.find("000123.mp4", "only") == str(only)
    assert videos.find("ONLY.mp4", "ONLY") is None


def test_of_several_the_one_with_the_row_s_folders_is_it_and_else_none(tmp_path: Path) -> None:
    here, there = put(tmp_path / "v" / "x" / "clip.mp4"), put(tmp_path / "v" / "y" / "clip.mp4")
    archive = zipped(tmp_path / "z.zip", "clip.mp4", "x/clip.mp4")
    videos = VideoIndex([tmp_path / "v", archive])
    assert videos.find("videos/y/clip.mp4", "clip") == str(there)
    assert videos.find("v/x/clip.mp4", "clip") == str(here)
    assert videos.find("z/clip.mp4", "clip") == member_address(archive, "clip.mp4")
    assert videos.find("z/x/clip.mp4", "clip") == member_address(archive, "x/clip.mp4")
    assert videos.ambiguous == {}
    assert videos.find("x/clip.mp4", "two") is None
    assert videos.ambiguous == {"two": [str(here), member_address(archive, "x/clip.mp4")]}
    assert videos.why_not("x/clip.mp4", "two") == (
        "2 videos are called clip.mp4, and the row's folders do not tell which is meant: x/clip.mp4, x/clip.mp4."
    )


def test_a_place_named_twice_or_inside_another_makes_nothing_ambiguous(tmp_path: Path) -> None:
    path = put(tmp_path / "in" / "a.mp4")
    archive = zipped(tmp_path / "in" / "v.zip", "b.mp4")
    (tmp_path / "in" / "again.mp4").symlink_to("a.mp4")
    videos = VideoIndex([tmp_path / "in", tmp_path, tmp_path / "in" / ".." / "in", archive])
    assert videos.find("a.mp4", "a") == str(path)
    assert videos.find("b.mp4", "b") == member_address(archive, "b.mp4")
    assert list(videos.items()) == [
        ("b.mp4", member_address(archive, "b.mp4")),
        ("in/a.mp4", str(path)),
        ("in/again.mp4", str(tmp_path / "in" / "again.mp4")),
    ]
    assert videos.ambiguous == {}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_member_is_found_and_read_in_place(kind: str, tmp_path: Path) -> None:
    clip = make_clip(put(tmp_path / "clips" / "v" / "ytb_abc.mp4"))
    put(tmp_path / "clips" / "notes.txt")
    put(tmp_path / "clips" / "inner.zip")
    path = tmp_path / f"v.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in ("v/ytb_abc.mp4", "notes.txt", "inner.zip"):
                archive.write(tmp_path / "clips" / file, file)
    else:
        tarred(path, tmp_path / "clips")
    videos = VideoIndex(str(path))
    address = videos.find("videos/v/ytb_abc.mp4", "ytb_abc")
    assert parse_member_address(address).archive == str(path)
    assert list(videos.items()) == [(parse_member_address(address).member, address)]
    assert list(videos.stems) == ["ytb_abc"]
    assert videos.read(address) == clip.read_bytes()
    assert open_clip(address).probe == open_clip(clip).probe


@pytest.mark.parametrize(
    "asked", ["../../etc/passwd", "/etc/passwd", "..", ".", "", "/", "\\", "..\\secret.mp4", "a\0b"]
)
def test_a_row_reaches_nothing_outside_the_places(asked: str, tmp_path: Path) -> None:
    secret = put(tmp_path / "secret.mp4", b"secret")
    put(tmp_path / "v" / "a.mp4")
    videos = VideoIndex(tmp_path / "v")
    assert videos.find(asked, "../secret") is None
    for address in (str(secret), str(tmp_path / "v" / ".." / "secret.mp4"), "/etc/passwd", f"tar://a.mp4::{secret}"):
        with pytest.raises(InputError, match="is no video of"):
            videos.read(address)


def test_links_count_only_where_they_lead_to_a_file_of_the_places(tmp_path: Path) -> None:
    put(tmp_path / "secret" / "s.mp4", b"secret")
    blob = put(tmp_path / "hub" / "blobs" / "1234", b"blob")
    folder = tmp_path / "hub" / "snapshots"
    put(folder / "a.mp4")
    for name, target in (("out.mp4", "../../secret/s.mp4"), ("none.mp4", "absent"), ("blob.mp4", "../blobs/1234")):
        (folder / name).symlink_to(target)
    (folder / "folder").symlink_to("../../secret")
    (folder / "loop").symlink_to(".")
    os.mkfifo(folder / "pipe.mp4")
    videos = VideoIndex(folder)
    assert list(videos.stems) == ["a"]
    reasons = {name: reason for name, reason, _ in videos.refused}
    assert reasons == {
        "out.mp4": "unsupported_source",
        "none.mp4": "not_a_file",
        "blob.mp4": "unsupported_source",
        "pipe.mp4": "not_a_file",
    }
    whole = VideoIndex(tmp_path / "hub")  # as a snapshot in the Hub's cache
    assert whole.read(whole.find("blob.mp4", "blob")) == blob.read_bytes()
    (folder / "blob.mp4").unlink()
    (folder / "blob.mp4").symlink_to("../../secret/s.mp4")
    with pytest.raises(MediaError, match="leads out of the places"):
        whole.read(whole.find("blob.mp4", "blob"))


def test_what_archives_refuse_is_told_and_the_rest_is_there(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "v.zip", "../out.mp4", "../out.txt", "a.mp4", "__MACOSX/._a.mp4")
    for name in ("b.mp4", "c.mp4"):
        put(tmp_path / "clips" / name, name.encode() * 4000)
    cut = tarred(tmp_path / "v.tar", tmp_path / "clips")
    cut.write_bytes(cut.read_bytes()[:-15000])
    videos = VideoIndex([archive, cut])
    assert {name: reason for name, reason, _ in videos.refused}.items() >= {
        ("../out.mp4", "unsupported_source"),
        ("v.tar", "damaged"),
    }
    assert len(videos.refused) == 3
    assert videos.find("v/out.mp4", "out") is None
    assert videos.why_not("v/out.mp4", "out") == "The name of out.mp4 leads out of its archive, or has a backslash."
    assert videos.why_not("v/none.mp4", "none") == "No video is called none.mp4."
    assert len(videos.stems) == 2 and "a" in videos.stems


def test_names_that_cannot_be_stored_are_told(tmp_path: Path) -> None:
    put(Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff/a.mp4")))
    videos = VideoIndex(tmp_path)
    assert videos.find("a.mp4", "a") is None
    (refused,) = videos.refused
    assert refused.reason == "unreadable" and refused.message.encode()


def test_a_name_is_found_in_either_form_of_unicode(tmp_path: Path) -> None:
    path = put(tmp_path / unicodedata.normalize("NFD", "café.mp4"))
    videos = VideoIndex(tmp_path)
    assert videos.find(unicodedata.normalize("NFC", "v/café.mp4"), "café") == str(path)
    assert videos.read(str(path)) == b"film"


def test_places_that_cannot_be_searched_are_refused_in_words(tmp_path: Path) -> None:
    wrong = {"v.rar": "Allowed: .zip, .tar", "v.tar.gz": "compressed tar", "absent": "There is no", "a.mp4": "Allowed"}
    for name, said in wrong.items():
        if name != "absent":
            put(tmp_path / name)
        with pytest.raises(InputError, match=said):
            VideoIndex(tmp_path / name)
    with pytest.raises(InputError, match="No place"):
        VideoIndex([])
    with pytest.raises(InputError, match="cut off or damaged"):
        VideoIndex(put(tmp_path / "junk.zip")).find("a.mp4", "a")


def test_videos_that_no_row_asked_for_can_be_listed(tmp_path: Path) -> None:
    put(tmp_path / "asked.mp4")
    other = put(tmp_path / "x" / "other.mp4")
    put(tmp_path / ".hidden.mp4")
    videos = VideoIndex(tmp_path)
    found = {videos.find("v/asked.mp4", "asked")}
    assert [item for item in videos.items() if item[1] not in found] == [("x/other.mp4", str(other))]
    assert list(videos.names()) == ["asked.mp4", "x/other.mp4"]


def test_the_state_changes_with_the_places_and_searches_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, archive = tmp_path / "v", tmp_path / "v.zip"
    put(folder / "a.mp4")
    zipped(archive, "b.mp4")
    first = VideoIndex([folder, archive])
    monkeypatch.setattr(VideoIndex, "_found", property(lambda self: pytest.fail("searched")))
    state = first.state()
    assert json.loads(json.dumps(state)) == state == VideoIndex([folder, archive]).state()
    os.utime(folder, ns=(1, 1))
    moved = first.state()
    zipped(archive, "b.mp4", "c.mp4")
    assert len({json.dumps(one) for one in (state, moved, first.state())}) == 3
    archive.unlink()
    assert first.state()[1] == [str(archive), None, None]


def test_files_that_are_gone_or_empty_are_told(tmp_path: Path) -> None:
    gone, empty = put(tmp_path / "gone.mp4"), put(tmp_path / "empty.mp4", b"")
    videos = VideoIndex(tmp_path)
    assert videos.stems == {"gone", "empty"}
    gone.unlink()
    for path, reason in ((gone, "not_found"), (empty, "empty")):
        with pytest.raises(MediaError) as raised:
            videos.read(str(path))
        assert raised.value.reason == reason and str(tmp_path) not in str(raised.value)


def test_many_files_are_found_fast_and_a_warm_open_asks_next_to_nothing(tmp_path: Path) -> None:
    for number in range(20_000):
        if number % 500 == 0:
            (tmp_path / f"{number // 500}").mkdir()
        os.close(os.open(tmp_path / f"{number // 500}" / f"ytb_{number:06d}.mp4", os.O_CREAT | os.O_WRONLY))
    started = time.perf_counter()
    videos = VideoIndex(tmp_path)
    assert len(videos.stems) == 20_000
    searched = time.perf_counter()
    assert all(videos.find(f"videos/x/ytb_{number:06d}.mp4", f"ytb_{number:06d}") for number in range(20_000))
    found = time.perf_counter()
    assert searched - started < 1.0 and found - searched < 2.0
    warm = min(_timed(lambda: VideoIndex(tmp_path).state()) for _ in range(5))
    assert warm < 0.001
    assert pickle.loads(pickle.dumps(videos)).find("ytb_000001.mp4", "-") == videos.find("ytb_000001.mp4", "-")


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def test_the_files_work_beside_each_other_without_the_package(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    package = Path(media_archive.__file__).parent
    for source in (package / "errors.py", package / "media_archive.py", Path(videos_module.__file__)):
        shutil.copy(source, room)
    archive = zipped(tmp_path / "v.zip", "a.mp4")
    code = (
        "import sys; sys.modules['asid_hf'] = None\n"
        "from room.videos import VideoIndex\n"
        "videos = VideoIndex(sys.argv[1]); print(videos.read(videos.find('x/a.mp4', 'a')).decode())"
    )
    command = [sys.executable, "-c", code, str(archive)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "a.mp4"
