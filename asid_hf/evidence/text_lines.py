"""Lines of text in luma stills, found and read with PP-OCR (rapidocr, its weights inside the package)."""

from __future__ import annotations

import threading
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from asid_hf.errors import MissingExtraError

READ_HEIGHT = 48
"""Pixels of height to which the recogniser scales a line; its cost goes with the width: 0.09 s a thousand pixels."""

LOOSE, TIGHT = 0.12, 0.0
"""Two ways to cut a line out: shares of its height by which it is cut wider than it was found."""

READ_WIDTH = 4000
"""Pixels of line, at `READ_HEIGHT`, read in one still; what is left waits for the next still. Only pages of small
print have more (a rolling page of credits: 30 lines, 40,000 pixels, 3.5 s): of those some lines are read, not all."""

_DETECT_PIXELS, _ENLARGE_MOST = 736 * 416, 2.0  # 230,000 pixels find 2% fewer titles, 520,000 1% more
_LEAST_CONTRAST = 16  # grey levels from the darkest to the brightest pixel
_LOWEST, _HIGHEST = 7, 0.6  # pixels; share of the picture: what is higher is a wheel, a planet, a window
_MODELS = {"Det.model_path": "PP-OCRv6_det_small.onnx", "Rec.model_path": "PP-OCRv6_rec_small.onnx"}
_OPTIONS = {
    "Global.log_level": "critical",
    "Global.use_cls": False,
    "Det.limit_type": "max",  # pictures come at the size wanted
    "Det.limit_side_len": 1 << 14,
    "Det.box_thresh": 0.45,
    "Rec.rec_img_shape": [3, READ_HEIGHT, 96],
    "Rec.rec_batch_num": 1,  # a batch is padded to its longest line, and saves nothing on a CPU
    # A second thread costs more than it gives: processes share the cores instead. The arena halves the time.
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
}
_loading = threading.Lock()


class Line(NamedTuple):
    """A line in a still: corners (4, 2) float32 pixels (x, y), clockwise from the top left of the writing; the index of
    the still it was read in, None if it is not read yet; its text, perhaps empty; confidence 0..1."""

    corners: np.ndarray
    read_in: int | None = None
    text: str = ""
    confidence: float = 0.0


class LineReader:
    """Finds and reads lines. One a process: get it from `line_reader`.

    Raises:
        MissingExtraError: rapidocr, OpenCV or the weights are not installed. Nothing is ever downloaded.

    Example:
        >>> line_reader() is line_reader()
        True
    """

    def __init__(self) -> None:
        try:
            import cv2
            import rapidocr
            from rapidocr import RapidOCR
        except ImportError as error:
            raise MissingExtraError("reading text on the picture", "embedded") from error
        folder = Path(rapidocr.__file__).parent / "models"
        models = {option: folder / name for option, name in _MODELS.items()}
        missing = [path.name for path in models.values() if not path.is_file()]
        if missing:  # rapidocr itself would fetch them
            feature = f"reading text on the picture (rapidocr 3.10, which brings {' and '.join(missing)})"
            raise MissingExtraError(feature, "embedded")
        self._cv2: Any = cv2
        self._engine: Any = RapidOCR(params={**_OPTIONS, **{option: str(path) for option, path in models.items()}})

    def find(self, picture: np.ndarray) -> list[np.ndarray]:
        """Find lines.

        Args:
            picture: (H, W) uint8 luma.

        Returns:
            For each line its corners, (4, 2) float32 pixels (x, y), clockwise from the top left of the writing.
        """
        cv2, (height, width) = self._cv2, picture.shape
        scale = min((_DETECT_PIXELS / (height * width)) ** 0.5, _ENLARGE_MOST)
        size = tuple(max(32, round(side * scale / 32) * 32) for side in (width, height))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        even = cv2.createCLAHE(2.0, (2, 2)).apply(small)  # dim lettering is found only after equalising
        found = self._engine(cv2.cvtColor(even, cv2.COLOR_GRAY2BGR), use_det=True, use_cls=False, use_rec=False)
        if found.boxes is None:
            return []
        lines = join_lines(list(np.asarray(found.boxes, np.float32) * np.float32([width / size[0], height / size[1]])))
        return [line for line in lines if _LOWEST <= height_of(line) <= _HIGHEST * height]

    def read(self, picture: np.ndarray, lines: list[np.ndarray], margin: float = LOOSE) -> list[tuple[str, float]]:
        """Read lines.

        Args:
            picture: (H, W) uint8 luma.
            lines: corners as `find` gives them.
            margin: share of its height by which each line is cut wider.

        Returns:
            (text, confidence 0..1) a line; the text may be empty.
        """
        if not lines:
            return []
        colour = self._cv2.cvtColor(picture, self._cv2.COLOR_GRAY2BGR)
        crops = self._engine.crop_text_regions(colour, [_widened(line, margin) for line in lines])
        read = self._engine.recognize_txt(crops)
        return [(_clean(text), float(score)) for text, score in zip(read.txts, read.scores, strict=True)]

    def unchanged(self, picture: np.ndarray, before: np.ndarray, window: int = 9) -> bool:
        """Say whether two (H, W) uint8 pictures show the same: no window of that side differs by more than noise."""
        difference = self._cv2.absdiff(picture, before)
        return int(self._cv2.blur(difference, (window, window)).max(initial=0)) < 8


@lru_cache(maxsize=1)
def _load() -> LineReader:
    return LineReader()


def line_reader() -> LineReader:
    """Give the reader of this process, made at the first call (0.5 s).

    Raises:
        MissingExtraError: see `LineReader`.

    Example:
        >>> line_reader().find(np.zeros((90, 160), np.uint8))
        []
    """
    with _loading:
        return _load()


def lines_in(stills: np.ndarray, index: int, before: list[Line]) -> list[Line]:
    """Find and read the lines of a still; what its pixels have in common with the still before is not read again.

    Args:
        stills: (S, H, W) uint8 luma.
        index: the still wanted.
        before: the lines of the still before it, as this function gave them; empty for the first.

    Returns:
        Its lines; some perhaps not read yet, see `READ_WIDTH`.

    Raises:
        MissingExtraError: see `LineReader`; a still without contrast needs no reader.

    Example:
        >>> lines_in(np.zeros((1, 90, 160), np.uint8), 0, [])
        []
    """
    still = stills[index]
    if not still.size or int(still.max()) - int(still.min()) < _LEAST_CONTRAST:
        return []
    reader = line_reader()
    if index and reader.unchanged(still, stills[index - 1]):
        lines = list(before)
    else:
        lines = [_known(corners, before, stills, index) or Line(corners) for corners in reader.find(still)]
    chosen = _to_read(lines, before)
    for place, reading in zip(chosen, reader.read(still, [lines[place].corners for place in chosen]), strict=True):
        lines[place] = Line(lines[place].corners, index, *reading)
    return lines


def _known(corners: np.ndarray, before: list[Line], stills: np.ndarray, index: int) -> Line | None:
    """The line of the still before that has the same place, and the same pixels as where it was read."""
    height, width = stills.shape[1:]
    left, top, right, bottom = np.clip(bounds(corners), 0, (width, height, width, height)).astype(int)
    crop = np.s_[top:bottom, left:right]
    window = max(3, (bottom - top) // 4)  # a letter's stroke must not drown in its surroundings
    for line in before:
        moved = np.abs(bounds(corners) - bounds(line.corners)).max() > 0.3 * height_of(corners)
        if line.read_in is None or moved:
            continue
        if line_reader().unchanged(stills[index][crop], stills[line.read_in][crop], window):
            return line
    return None


def _to_read(lines: list[Line], before: list[Line]) -> list[int]:
    """Places of the lines to read now, `READ_WIDTH` in all: first what was left last time, then the tallest."""
    left_over = [line.corners for line in before if line.read_in is None]

    def urgency(place: int) -> tuple[bool, float]:
        corners = lines[place].corners
        return not any(overlap(corners, other) > 0.5 for other in left_over), -height_of(corners)

    chosen, total = [], 0.0
    for place in sorted((place for place, line in enumerate(lines) if line.read_in is None), key=urgency):
        total += READ_HEIGHT * width_of(lines[place].corners) / height_of(lines[place].corners)
        if not chosen or total <= READ_WIDTH:
            chosen.append(place)
    return chosen


def join_lines(lines: list[np.ndarray]) -> list[np.ndarray]:
    """Join pieces that stand side by side on one line: wide spaces make the detector take a line for two.

    Args:
        lines: corners, (4, 2) float32.

    Returns:
        Corners; a joined line is an upright rectangle.

    Example:
        >>> pieces = [np.float32([[x, 0], [x + 40, 0], [x + 40, 20], [x, 20]]) for x in (0, 50, 200)]
        >>> [bounds(line).tolist() for line in join_lines(pieces)]
        [[0.0, 0.0, 90.0, 20.0], [200.0, 0.0, 240.0, 20.0]]
    """
    joined: list[np.ndarray] = []
    for line in sorted(lines, key=lambda line: bounds(line)[0]):
        left, top, right, bottom = bounds(line)
        for place, other in enumerate(joined):
            box = bounds(other)
            lower, taller = sorted((bottom - top, box[3] - box[1]))
            beside = min(bottom, box[3]) - max(top, box[1]) >= 0.6 * taller
            if beside and left - box[2] < 0.8 * lower:
                x1, y1, x2, y2 = *np.minimum(box[:2], (left, top)), *np.maximum(box[2:], (right, bottom))
                joined[place] = np.float32([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
                break
        else:
            joined.append(line)
    return joined


def bounds(line: np.ndarray) -> np.ndarray:
    """Give left, top, right and bottom of corners (4, 2).

    Example:
        >>> bounds(np.array([[1, 2], [9, 2], [9, 5], [1, 5]])).tolist()
        [1, 2, 9, 5]
    """
    return np.concatenate([line.min(axis=0), line.max(axis=0)])


def overlap(corners: np.ndarray, other: np.ndarray) -> float:
    """Give the area two lines (4, 2) have in common as a share of the smaller one.

    Example:
        >>> line = np.array([[0, 0], [10, 0], [10, 4], [0, 4]])
        >>> overlap(line, line + [5, 0])
        0.5
    """
    a, b = bounds(corners), bounds(other)
    common = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return float(common / max(1.0, min(np.prod(a[2:] - a[:2]), np.prod(b[2:] - b[:2]))))


def height_of(line: np.ndarray) -> float:
    """Give the height of the writing in pixels, at least 1, across the line's own direction.

    Example:
        >>> height_of(np.array([[0, 0], [10, 0], [10, 4], [0, 4]]))
        4.0
    """
    return max(1.0, float(np.hypot(*(line[3] - line[0]))))


def width_of(line: np.ndarray) -> float:
    """Give the length of the line in pixels, along its own direction.

    Example:
        >>> width_of(np.array([[0, 0], [10, 0], [10, 4], [0, 4]]))
        10.0
    """
    return float(np.hypot(*(line[1] - line[0])))


def _widened(line: np.ndarray, margin: float) -> np.ndarray:
    if not margin:
        return line
    along = (line[1] - line[0]) / max(width_of(line), 1.0)
    across = (line[3] - line[0]) / height_of(line)
    corners = np.float32([-along - across, along - across, along + across, across - along])
    return np.float32(line + margin * height_of(line) * corners)


def _clean(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())
