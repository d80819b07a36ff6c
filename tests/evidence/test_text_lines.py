"""The line reader: what it finds and reads in one picture, and what it needs to be there."""

from __future__ import annotations

import logging
import multiprocessing
import socket
import sys

import numpy as np
import pytest

from asid_hf.errors import MissingExtraError
from asid_hf.evidence import text_lines
from asid_hf.evidence.text_lines import TIGHT, LineReader, bounds, join_lines, line_reader

cv2 = pytest.importorskip("cv2", reason="the extra embedded is not installed")
pytest.importorskip("rapidocr", reason="the extra embedded is not installed")


def sign(text: str, height: int = 180, width: int = 320, turn: float = 0.0) -> np.ndarray:
    picture = np.full((height, width), 40, np.uint8)
    cv2.putText(picture, text, (20, height // 2), cv2.FONT_HERSHEY_DUPLEX, 1.0, 230, 2, cv2.LINE_AA)
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0)
    return cv2.warpAffine(picture, turned, (width, height), borderValue=40)


@pytest.mark.parametrize("turn", [0.0, 8.0, -8.0])
def test_a_line_is_found_where_it_is_and_read(turn: float) -> None:
    picture = sign("Hello world", turn=turn)
    [corners] = line_reader().find(picture)
    left, top, right, bottom = bounds(corners)
    inked = np.argwhere(picture > 130)
    assert np.abs(np.array([top, left]) - inked.min(axis=0)).max() < 14
    assert np.abs(np.array([bottom, right]) - inked.max(axis=0)).max() < 14
    [(text, confidence)] = line_reader().read(picture, [corners])
    assert text == "Hello world" and confidence > 0.9


def test_dim_lettering_is_found() -> None:
    picture = (sign("Hello world") // 8).astype(np.uint8)
    lines = line_reader().find(picture)
    assert [text for text, _ in line_reader().read(picture, lines, TIGHT)] == ["Hello world"]


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (300, 2), (17, 31), (720, 1280), (1280, 300)])
def test_a_blank_picture_of_any_size_has_no_lines(shape: tuple[int, int]) -> None:
    assert line_reader().find(np.full(shape, 90, np.uint8)) == []


def test_nothing_to_read_reads_nothing() -> None:
    assert line_reader().read(np.zeros((9, 9), np.uint8), []) == []


def test_pieces_of_one_line_are_joined_and_columns_are_not() -> None:
    def box(x: int, y: int, width: int, height: int) -> np.ndarray:
        return np.float32([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])

    pieces = [
        box(100, 52, 80, 20),
        box(10, 50, 80, 22),
        box(300, 50, 80, 20),
        box(10, 80, 80, 20),
        box(185, 40, 60, 60),
    ]
    joined = sorted(bounds(line).tolist() for line in join_lines(pieces))
    assert joined == [[10, 50, 180, 72], [10, 80, 90, 100], [185, 40, 245, 100], [300, 50, 380, 70]]


def test_small_changes_are_noise_and_a_changed_digit_is_not() -> None:
    first, second = sign("12:01"), sign("12:02")
    noise = np.random.default_rng(0).integers(-5, 6, first.shape)
    noisy = np.clip(first + noise, 0, 255).astype(np.uint8)
    assert line_reader().unchanged(first, noisy)
    assert not line_reader().unchanged(first, second)


def test_the_reader_is_made_once_silently_and_without_a_network(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("tried to open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    caplog.set_level(logging.DEBUG)
    reader = LineReader()
    assert reader.read(sign("Hello world"), reader.find(sign("Hello world")))[0][0] == "Hello world"
    assert capfd.readouterr() == ("", "") and not caplog.records
    assert line_reader() is line_reader()


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(MissingExtraError, match=r'pip install "asid_hf\[embedded\]"'):
        LineReader()


def test_missing_weights_are_named_and_never_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "_MODELS", {"Det.model_path": "another.onnx"})
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("tried to open a connection"))
    with pytest.raises(MissingExtraError, match=r"another\.onnx.*asid_hf\[embedded\]"):
        LineReader()


def _read_in_child(queue: multiprocessing.Queue) -> None:
    picture = sign("Hello world")
    queue.put(line_reader().read(picture, line_reader().find(picture)))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
def test_a_forked_process_reads_with_the_reader_it_inherits() -> None:
    line_reader().find(sign("Hello world"))
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_read_in_child, args=(queue,))
    child.start()
    [(text, _)] = queue.get(timeout=60)
    child.join()
    assert text == "Hello world"
