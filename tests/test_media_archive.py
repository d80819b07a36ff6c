"""Members of archives: addressed, listed, refused, read in place; the archives are made here, the hostile ones too."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import tarfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import fsspec
import numpy as np
import pytest
from datasets import Dataset, Video, load_dataset
from media_files import make_clip

from asid_hf import media_archive
from asid_hf.chat.attachments import clip_part
from asid_hf.errors import InputError, MediaError, OutputError
from asid_hf.media import open_clip
from asid_hf.media_archive import (
    MAX_CLIP,
    Member,
    Refused,
    archive_scheme,
    clip_identity,
    list_members,
    member_address,
    parse_member_address,
    read_member,
)
from asid_hf.media_source import check_source
from asid_hf.verify.config import VerifyConfig
from asid_hf.verify.inputs import collect, new_rows
from asid_hf.verify.pipeline import verify

QUICK = VerifyConfig(screen_text=False)
FILM = bytes(range(256)) * 40
ODD = ["a b.mp4", "ab::c.mp4", ":::.mp4", "a#b?.mp4", "100%.mp4", "a%3Ab.mp4", "%25%3A.mp4", "ü/日本.mp4", "ab:", "[a"]


def make_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, members: list[tuple[tarfile.TarInfo | str, bytes]], form: int = tarfile.GNU_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as archive:
        for given, data in members:
            info = tarfile.TarInfo(given) if isinstance(given, str) else given
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def good(archive: Path) -> list[str]:
    return [member.name for member in list_members(archive) if isinstance(member, Member)]


def refused(archive: Path) -> dict[str, str]:
    return {member.name: member.reason for member in list_members(archive) if isinstance(member, Refused)}


def reason(work: Callable, *given: object) -> str:
    with pytest.raises(MediaError) as raised:
        work(*given)
    return raised.value.reason


def patched(path: Path, old: bytes, new: bytes, count: int = -1) -> Path:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, count))
    return path


@pytest.mark.parametrize("ending", ["zip", "tar"])
@pytest.mark.parametrize("name", ODD)
def test_odd_names_survive_the_round_trip_and_are_read(ending: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / f"v.{ending}"
    make_zip(path, {name: FILM}) if ending == "zip" else make_tar(path, [(name, FILM)])
    (member,) = list_members(path)
    assert member == (name, len(FILM))
    address = member_address(path, name)
    assert parse_member_address(address) == (ending, name, str(path))
    assert read_member(address) == FILM


@pytest.mark.parametrize("name", ["a.mp4", "clips/b c.mp4", "./d.mp4", "clips/日本.mp4", "100%#.mp4"])
def test_fsspec_opens_the_same_address(name: str, tmp_path: Path) -> None:
    for path in (make_zip(tmp_path / "v.zip", {name: FILM}), make_tar(tmp_path / "v.tar", [(name, FILM)])):
        (member,) = list_members(path)
        with fsspec.open(member_address(path, member.name)) as stream:
            assert stream.read() == FILM == read_member(member_address(path, member.name))


@pytest.mark.parametrize(
    "text",
    ["a.mp4", "zip://a.mp4", "zip://::v.zip", "zip://a.mp4::", "ZIP://a.mp4::v.zip", "zip://a\0.mp4::v.zip", None, 3]
    + [f"zip://a.mp4::{there}" for there in ("https://h/v.zip", "hf://datasets/o/n/v.zip", "tar://v.zip::w.tar")],
)
def test_what_is_no_address_of_a_member_here_is_none(text: object) -> None:
    assert parse_member_address(text) is None


def test_an_archive_that_cannot_be_read_in_place_says_what_to_do(tmp_path: Path) -> None:
    for name in ("v.tar.gz", "v.tgz", "v.tar.bz2", "v.tar.xz"):
        with pytest.raises(MediaError, match=r"compressed tar.*Unpack it, or pack it again as plain \.tar or \.zip"):
            archive_scheme(name)
    assert reason(archive_scheme, "v.rar") == "unsupported_source"
    with tarfile.open(tmp_path / "really.tar", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a.mp4"), io.BytesIO())
    with pytest.raises(MediaError, match=r"compressed as a whole.*Unpack it"):
        list(list_members(tmp_path / "really.tar"))


def test_what_is_no_file_is_no_archive(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    (tmp_path / "folder.tar").mkdir()
    (tmp_path / "text.zip").write_bytes(b"plain text" * 1000)
    (tmp_path / "text.tar").write_bytes(b"plain text" * 1000)
    (tmp_path / "none.tar").write_bytes(b"")
    names = ("pipe.zip", "folder.tar", "text.zip", "text.tar", "none.tar", "absent.zip")
    reasons = [reason(list, list_members(tmp_path / name)) for name in names]
    assert reasons == ["not_a_file"] * 2 + ["damaged"] * 3 + ["not_found"]


def hostile_tar(folder: Path) -> Path:
    names = ("../out.mp4", "/abs.mp4", "C:\\x.mp4", "a\\..\\..\\b.mp4", "x/../../c.mp4")
    device = link("device.mp4", "", tarfile.CHRTYPE)
    others = [link("soft.mp4", "/etc/passwd"), link("hard.mp4", "good.mp4", tarfile.LNKTYPE), device]
    members = [(name, FILM) for name in names] + [(info, b"") for info in others]
    folders = [(link("clips", "", tarfile.DIRTYPE), b"")]
    return make_tar(folder / "h.tar", [*folders, *members, ("empty.mp4", b""), ("good.mp4", FILM), ("in.zip", b"PK")])


def test_members_of_a_tar_that_lead_elsewhere_or_are_no_files_are_refused_each_with_its_reason(tmp_path: Path) -> None:
    path = hostile_tar(tmp_path)
    assert good(path) == ["good.mp4", "in.zip"]
    reasons = refused(path)
    assert reasons.pop("empty.mp4") == "empty"
    assert set(reasons.values()) == {"unsupported_source"} and len(reasons) == 8
    for name in reasons:
        assert reason(read_member, member_address(path, name)) == "unsupported_source"
    assert reason(read_member, member_address(path, "clips")) == "not_found"
    assert list(tmp_path.iterdir()) == [path]


def test_members_of_a_zip_that_lead_elsewhere_or_are_no_files_are_refused_each_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "h.zip"
    soft, pipe = zipfile.ZipInfo("soft.mp4"), zipfile.ZipInfo("pipe.mp4")
    soft.external_attr, pipe.external_attr = 0o120777 << 16, 0o010644 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("clips")
        for name in ("../out.mp4", "/abs.mp4", "C:/x.mp4", "a\\..\\b.mp4", soft, pipe, "good.mp4"):
            archive.writestr(name, FILM)
        archive.writestr("empty.mp4", b"")
        archive.writestr("old.mp4", FILM, zipfile.ZIP_BZIP2)
    assert good(path) == ["good.mp4"]
    reasons = refused(path)
    assert reasons.pop("empty.mp4") == "empty"
    assert set(reasons.values()) == {"unsupported_source"} and len(reasons) == 7
    assert reason(read_member, member_address(path, "soft.mp4")) == "unsupported_source"


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "v.zip", {"a.mp4": FILM})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    assert refused(path) == {"a.mp4": "unsupported_source"}
    with pytest.raises(MediaError, match="encrypted"):
        read_member(member_address(path, "a.mp4"))


def test_a_decompression_bomb_is_refused_unread(tmp_path: Path) -> None:
    members = {"bomb.mp4": bytes(64 * 2**20), "still.mp4": bytes(2**20), "film.mp4": os.urandom(2**16)}
    path = make_zip(tmp_path / "v.zip", members, zipfile.ZIP_DEFLATED)
    assert refused(path) == {"bomb.mp4": "too_large"}
    assert read_member(member_address(path, "still.mp4")) == members["still.mp4"]
    assert read_member(member_address(path, "film.mp4")) == members["film.mp4"]


def overlapping(path: Path, names: list[str]) -> Path:
    """A zip whose directory names one kernel of bytes many times."""
    make_zip(path, {names[0]: FILM})
    data = path.read_bytes()
    at, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    entry = data[at:end]
    entries = b"".join(entry.replace(names[0].encode(), name.encode()) for name in names)
    counts = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(names), len(names), len(entries), at, 0)
    path.write_bytes(data[:at] + entries + counts)
    return path


def test_members_of_a_zip_that_share_bytes_are_all_refused(tmp_path: Path) -> None:
    path = overlapping(tmp_path / "v.zip", ["a.mp4", "b.mp4", "c.mp4"])
    assert refused(path) == dict.fromkeys(("a.mp4", "b.mp4", "c.mp4"), "damaged")
    assert good(path) == []


def quoting(path: Path) -> Path:
    """A zip whose first member's extra field hides the header of the second, so that both end in one kernel."""
    data = zlib.compressobj(9, wbits=-15)
    kernel = data.compress(FILM) + data.flush()
    second = (
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, zlib.crc32(FILM), len(kernel), len(FILM), 5, 0) + b"b.mp4"
    )
    first = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, zlib.crc32(FILM), len(kernel), len(FILM), 5, len(second)
    )
    body = first + b"a.mp4" + second + kernel
    directory = b""
    for name, offset in ((b"a.mp4", 0), (b"b.mp4", len(first) + 5)):
        sizes = (zlib.crc32(FILM), len(kernel), len(FILM))
        directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, *sizes, 5, 0, 0, 0, 0, 0, offset) + name
    path.write_bytes(body + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(directory), len(body), 0))
    return path


def test_a_header_hidden_in_anothers_extra_field_is_found_out(tmp_path: Path) -> None:
    path = quoting(tmp_path / "v.zip")
    assert zipfile.ZipFile(path).namelist() == ["a.mp4", "b.mp4"]
    for name in ("a.mp4", "b.mp4"):
        assert reason(read_member, member_address(path, name)) == "damaged"


def _size(new: int, packed: int | None = None) -> Callable[[Path], Path]:
    def lie(path: Path) -> Path:
        data = bytearray(path.read_bytes())
        at = data.index(b"PK\1\2")
        struct.pack_into("<L", data, at + 24, new)
        if packed is not None:
            struct.pack_into("<L", data, at + 20, packed)
        path.write_bytes(data)
        return path

    return lie


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("size", [len(FILM) - 1, len(FILM) + 1, 10])
def test_a_size_that_is_a_lie_is_damage(method: int, size: int, tmp_path: Path) -> None:
    for number, packed in enumerate([None, size]):
        path = _size(size, packed)(make_zip(tmp_path / f"{number}.zip", {"a.mp4": FILM}, method))
        assert reason(read_member, member_address(path, "a.mp4")) == "damaged"


def test_a_member_of_more_than_a_clip_may_have_is_too_large(tmp_path: Path) -> None:
    path = _size(MAX_CLIP + 1)(make_zip(tmp_path / "v.zip", {"a.mp4": FILM}))
    assert refused(path) == {"a.mp4": "too_large"}
    info = tarfile.TarInfo("a.mp4")
    info.size = MAX_CLIP + 1
    (tmp_path / "v.tar").write_bytes(info.tobuf() + bytes(512))
    assert reason(read_member, member_address(tmp_path / "v.tar", "a.mp4")) == "too_large"


def test_too_many_members_are_refused_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_archive, "MAX_MEMBERS", 10)
    members = {f"{number}.mp4": FILM for number in range(11)}
    paths = [make_zip(tmp_path / "v.zip", members), make_tar(tmp_path / "v.tar", list(members.items()))]
    for path in paths:
        assert reason(list, list_members(path)) == "too_large"
        assert reason(read_member, member_address(path, "0.mp4")) == "too_large"


def test_the_last_of_one_name_counts_and_the_others_are_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "v.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.mp4", b"first")
        archive.writestr("a.mp4", b"last")
    make_tar(tmp_path / "v.tar", [("a.mp4", b"first"), ("a.mp4", b"last")])
    make_tar(tmp_path / "w.tar", [("a.mp4", b"first"), (link("a.mp4", "/etc/passwd"), b"")])
    for path in (tmp_path / "v.zip", tmp_path / "v.tar"):
        assert good(path) == ["a.mp4"] and refused(path) == {"a.mp4": "unsupported_source"}
        with fsspec.open(member_address(path, "a.mp4")) as stream:
            assert stream.read() == read_member(member_address(path, "a.mp4")) == b"last"
    with pytest.raises(MediaError, match="is a link"):
        read_member(member_address(tmp_path / "w.tar", "a.mp4"))


def test_a_tar_cut_off_gives_what_came_before(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "v.tar", [("a.mp4", FILM), ("b.mp4", FILM)])
    path.write_bytes(path.read_bytes()[: 512 + 10240 + 512 + 5000])
    seen = []
    with pytest.raises(MediaError, match="cut off or damaged") as raised:
        seen.extend(list_members(path))
        seen.extend(list_members(path))
    assert raised.value.reason == "damaged"
    assert read_member(member_address(path, "a.mp4")) == FILM
    assert reason(read_member, member_address(path, "b.mp4")) == "damaged"


def test_a_zip_cut_off_or_changed_is_damaged(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "v.zip", {"a.mp4": FILM, "b.mp4": FILM[::-1]})
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    assert reason(read_member, member_address(path, "a.mp4")) == "damaged"
    path.write_bytes(whole.replace(FILM, FILM[:-1] + b"?"))
    with pytest.raises(MediaError, match="checksum"):
        read_member(member_address(path, "a.mp4"))
    assert read_member(member_address(path, "b.mp4")) == FILM[::-1]


@pytest.mark.parametrize("seed", range(40))
def test_noise_in_an_archive_never_raises_anything_else(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    members = {f"{number}.mp4": FILM[: 100 * number + 10] for number in range(5)}
    method = zipfile.ZIP_DEFLATED if seed % 2 else zipfile.ZIP_STORED
    paths = [make_zip(tmp_path / "v.zip", members, method)]
    form = tarfile.PAX_FORMAT if seed % 2 else tarfile.GNU_FORMAT
    paths += [make_tar(tmp_path / "v.tar", [(name * 30, data) for name, data in members.items()], form)]
    for path in paths:
        data = np.frombuffer(path.read_bytes(), np.uint8).copy()
        heads = np.flatnonzero(data)
        for at in random.choice(heads, 30):
            data[at] = random.integers(256)
        path.write_bytes(data.tobytes())
        try:
            for member in list_members(path):
                if isinstance(member, Member):
                    try:
                        read_member(member_address(path, member.name))
                    except MediaError:
                        continue
        except MediaError:
            continue


@pytest.mark.parametrize("kind", [b"L", b"x", b"g"])
def test_headers_that_follow_headers_end_nothing(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type = kind
    (tmp_path / "v.tar").write_bytes(info.tobuf() * 5000 + tarfile.TarInfo("a.mp4").tobuf() + bytes(1024))
    assert reason(list, list_members(tmp_path / "v.tar")) in ("damaged", "unsupported_source")


def test_a_header_that_says_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = b"L", 2**30
    (tmp_path / "v.tar").write_bytes(info.tobuf() + bytes(1024))
    with pytest.raises(MediaError, match="a header of 1073741824 bytes"):
        list(list_members(tmp_path / "v.tar"))


def test_large_zips_and_zips_behind_a_program_are_read(tmp_path: Path) -> None:
    path = tmp_path / "v.zip"
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("a.mp4", "w", force_zip64=True) as stream:
            stream.write(FILM)
        archive.writestr("b.mp4", FILM)
        archive.comment = b"made by hand"
    assert read_member(member_address(path, "a.mp4")) == FILM
    path.write_bytes(b"#!/bin/sh\n" * 100 + path.read_bytes())
    assert [read_member(member_address(path, name)) for name in ("a.mp4", "b.mp4")] == [FILM, FILM]


def test_more_than_65535_members_of_a_zip_are_read_fast(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "v.zip", {f"{number:06d}.mp4": b"film" for number in range(66_000)})
    started = time.perf_counter()
    assert len(good(path)) == 66_000
    assert read_member(member_address(path, "065999.mp4")) == b"film"
    assert time.perf_counter() - started < 5


def test_a_tar_of_20000_members_is_read_through_once_and_not_for_each_read(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "v.tar", [(f"clips/{number}.mp4", b"film%d" % number) for number in range(20_000)])
    read_member(member_address(path, "clips/0.mp4"))
    started = time.perf_counter()
    for number in range(0, 20_000, 100):
        assert read_member(member_address(path, f"clips/{number}.mp4")) == b"film%d" % number
    assert time.perf_counter() - started < 0.5


def test_a_changed_archive_is_read_anew_and_what_is_remembered_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_archive, "_KEPT", 5)
    media_archive._indexes.clear()
    path = make_tar(tmp_path / "v.tar", [("a.mp4", b"first")])
    assert read_member(member_address(path, "a.mp4")) == b"first"
    make_tar(path, [("b.mp4", FILM), ("a.mp4", b"second")])
    assert read_member(member_address(path, "a.mp4")) == b"second"
    for number in range(10):
        list(list_members(make_tar(tmp_path / f"{number}.tar", [("a.mp4", b"film"), ("b.mp4", b"film")])))
    assert len(media_archive._indexes) == 2


def test_a_clip_is_known_by_its_file_s_size_and_time_and_its_name_in_it(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "v.tar", [("a.mp4", FILM), ("b.mp4", FILM)])
    plain, a, b = (
        clip_identity(str(path)),
        *(clip_identity(member_address(path, name)) for name in ("a.mp4", "b.mp4")),
    )
    assert plain == f"{path.stat().st_size}:{path.stat().st_mtime_ns}"
    assert len({plain, a, b}) == 3
    os.utime(path, ns=(1, 1))
    assert clip_identity(member_address(path, "a.mp4")) not in (a, b)
    with pytest.raises(FileNotFoundError):
        clip_identity(f"tar://a.mp4::{path}.absent")


def test_an_archive_that_changes_while_it_is_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_tar(tmp_path / "v.tar", [("a.mp4", FILM)])
    read = media_archive._tar_bytes

    def slowly(*given: object) -> bytes:
        os.utime(path, ns=(1, 1))
        return read(*given)

    monkeypatch.setattr(media_archive, "_tar_bytes", slowly)
    with pytest.raises(MediaError, match=r"v\.tar changed while a\.mp4 in v\.tar was read"):
        read_member(member_address(path, "a.mp4"))


def _reads(path: str, numbers: list[int]) -> bool:
    return all(read_member(f"tar://{number}.mp4::{path}") == b"%d" % number * 999 for number in numbers)


def test_threads_and_forked_processes_read_at_once(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    path = make_tar(tmp_path / "v.tar", [(f"{number}.mp4", b"%d" % number * 999) for number in range(200)])
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(lambda _: _reads(str(path), list(range(200))), range(8)))
    with media_archive._lock:  # as another thread may hold it when the process is forked
        context = get_context("fork")
        process = context.Process(target=lambda: os._exit(0 if _reads(str(path), [1, 2, 3]) else 1))
        process.start()
    process.join(20)
    assert process.exitcode == 0
    assert not [thread for thread in set(threading.enumerate()) - before if "ThreadPool" in thread.name]


def test_messages_hold_no_folder_of_this_machine(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "v.zip", {"a.mp4": FILM, "../b.mp4": FILM})
    patched(path, FILM[:100], FILM[100:200], 1)
    for address in (
        *(member_address(path, name) for name in ("a.mp4", "../b.mp4", "none.mp4")),
        member_address(tmp_path / "absent.tar", "a.mp4"),
        f"tar://a.mp4::{tmp_path}",
        f"tar://a.mp4::{path}",
    ):
        with pytest.raises(MediaError) as raised:
            read_member(address)
        assert str(tmp_path) not in str(raised.value), address


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_a_clip_in_an_archive_opens_as_the_file_does(ending: str, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", tone=300)
    path = tmp_path / f"v.{ending}"
    members = {"clips/clip.mp4": clip.read_bytes(), "broken.mp4": b"no film" * 100}
    make_zip(path, members, zipfile.ZIP_DEFLATED) if ending == "zip" else make_tar(path, list(members.items()))
    file, address = open_clip(clip), member_address(path, "clips/clip.mp4")
    for given in (address, {"path": address, "bytes": None}):
        member = open_clip(given)
        assert member.probe == file.probe
        assert np.array_equal(member.frames, file.frames) and np.array_equal(member.audio, file.audio)
    assert check_source(address).name == f"clip.mp4 in v.{ending}"
    with pytest.raises(MediaError, match=rf"^broken\.mp4 in v\.{ending}: no video or sound file"):
        open_clip(member_address(path, "broken.mp4"))


def test_a_real_file_of_that_name_stays_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zip:" / "a.mp4::").mkdir(parents=True)
    (tmp_path / "zip:" / "a.mp4::" / "v.zip").write_bytes(clip.read_bytes())
    assert check_source("zip://a.mp4::/v.zip").size == clip.stat().st_size


@pytest.mark.parametrize("address", ["zip://a.mp4::https://host/v.zip", "zip://a.mp4", "tar://a.mp4::ftp://host/v.tar"])
def test_archives_elsewhere_are_refused_as_before(address: str) -> None:
    with pytest.raises(MediaError, match="sources are not read"):
        check_source(address, allow_remote=True)


def saved_with(folder: Path, videos: list[str], **columns: list) -> Path:
    rows = Dataset.from_dict({"video": videos, **columns}).cast_column("video", Video(decode=False))
    (folder / "saved").mkdir(parents=True)
    rows.to_parquet(folder / "saved" / "a.parquet", batch_size=100)  # without it `datasets` looks the paths up
    return folder / "saved"


def rows_of(output: Path) -> dict[str, dict]:
    rows = load_dataset(str(output), split="train").cast_column("video", Video(decode=False))
    return {row["video_id"]: row for row in rows}


def test_rows_that_name_members_are_verified_from_a_saved_dataset_end_to_end(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "clip.mp4", tone=300).read_bytes()
    videos = ["zip://ep1/x.mp4::v.zip", "zip://ep2/x.mp4::v.zip", "tar://y.mp4::in/v.tar", "tar://bad.mp4::in/v.tar"]
    folder = saved_with(tmp_path, [*videos, "tar://none.mp4::in/v.tar", "zip://z.mp4::absent.zip", videos[2]])
    make_zip(folder / "v.zip", {"ep1/x.mp4": film, "ep2/x.mp4": film})
    (folder / "in").mkdir()
    make_tar(folder / "in" / "v.tar", [("y.mp4", film), (link("bad.mp4", "/etc/passwd"), b"")])
    output = tmp_path / "out"
    report = verify(collect([str(folder)]), output, config=QUICK)
    assert (report["kept"], report["dropped"]) == (3, {"unsupported_source": 1, "not_found": 2})
    rows = rows_of(output)
    assert sorted(rows) == ["bad", "ep1/x", "ep2/x", "none", "y", "z"]
    assert rows["y"]["video"] == {"path": "tar://y.mp4::../saved/in/v.tar", "bytes": None}
    assert rows["ep1/x"]["video"]["path"] == "zip://ep1/x.mp4::../saved/v.zip"
    assert rows["ep1/x"]["source"] == "ep1"
    written = json.dumps(list(rows.values())) + (output / "rejects.jsonl").read_text()
    assert str(tmp_path) not in written + (output / "report.json").read_text()
    again = verify(collect([str(output)], video_root=tmp_path), tmp_path / "again", config=QUICK)
    assert again["kept"] == 3
    assert rows_of(tmp_path / "again")["y"]["duration"] == rows["y"]["duration"]


def test_members_that_are_to_be_embedded_are(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "clip.mp4").read_bytes()
    path = make_tar(tmp_path / "v.tar", [("clips/x.mp4", film)])
    config = VerifyConfig(screen_text=False, embed_videos=True)
    verify([member_address(path, "clips/x.mp4")], tmp_path / "out", config=config)
    assert rows_of(tmp_path / "out")["x"]["video"] == {"path": "x.mp4", "bytes": film}


def test_another_film_under_the_same_address_is_measured_anew_and_told_to_models(tmp_path: Path) -> None:
    address = member_address(tmp_path / "v.tar", "x.mp4")
    told = []
    for seconds in (1.0, 2.0):
        film = make_clip(tmp_path / "clip.mp4", seconds).read_bytes()
        make_tar(tmp_path / "v.tar", [("x.mp4", film)])
        verify([address], tmp_path / "out", config=QUICK)
        told.append((rows_of(tmp_path / "out")["x"]["duration"], clip_part({"path": address, "bytes": None}).digest))
        assert told[-1][1] == hashlib.sha256(film).hexdigest()
    assert [length for length, _ in told] == [1.0, 2.0]


def test_a_video_left_out_of_a_later_run_is_missed_though_others_of_its_archive_are_there(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "clip.mp4").read_bytes()
    path = make_tar(tmp_path / "v.tar", [("x.mp4", film), ("y.mp4", film)])
    both = [member_address(path, name) for name in ("x.mp4", "y.mp4")]
    verify(both, tmp_path / "out", config=QUICK)
    with pytest.raises(OutputError, match=r"the video\(s\) y"):
        verify(both[:1], tmp_path / "out", config=QUICK)


def test_brackets_and_names_in_addresses_end_no_run(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "v.tar", [("[a/broken.mp4", b"no film" * 99)])
    videos = [member_address(path, "[a/broken.mp4"), {"video": "http://[x/far.mp4", "video_id": "far"}]
    report = verify([*videos, str(make_clip(tmp_path / "clip.mp4"))], tmp_path / "out", config=QUICK)
    assert (report["kept"], report["dropped"]) == (1, {"not_media": 1, "remote_not_allowed": 1})
    rows = rows_of(tmp_path / "out")
    assert rows["broken"]["errors"][0]["message"].startswith("broken.mp4 in v.tar: no video")


def test_an_archive_outside_the_root_is_refused(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "clip.mp4").read_bytes()
    outside = make_zip(tmp_path / "v.zip", {"a.mp4": film})
    for number, archive in enumerate(("../../v.zip", str(outside), "link.zip")):
        folder = saved_with(tmp_path / str(number), [f"zip://a.mp4::{archive}"])
        (folder / "link.zip").symlink_to(outside)
        with pytest.raises(InputError, match=r"lies outside.*--video-root"):
            collect([str(folder)])
        (record,) = collect([str(folder)], video_root=tmp_path)
        assert new_rows([record])[0]["video"]["path"] == f"zip://a.mp4::{outside}"


def test_a_folder_called_zip_leads_out_of_no_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    addresses = [
        "zip://a.mp4::v.zip",
        "zip://../../secret.mp4::v.zip",
        "zip://../../secret.mp4",
        "zip://a::http://../v",
    ]
    for number, address in enumerate(addresses):
        folder = saved_with(tmp_path / str(number), [address])
        trap = folder / "zip:" / "a.mp4::" / str(folder).lstrip("/")
        trap.mkdir(parents=True)
        (trap / "v.zip").symlink_to(tmp_path / "secret.mp4")
        make_zip(folder / "v.zip", {"b.mp4": FILM})
        monkeypatch.chdir(folder)
        try:
            records = collect(["."])
        except InputError as error:
            assert "lies outside" in str(error)
            continue
        for record in records:
            with pytest.raises(MediaError) as raised:
                check_source(record["video"])
            assert "secret" not in Path(os.path.realpath(record["video"]["path"])).name, raised.value
