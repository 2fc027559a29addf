"""The contact sheet of a recording: one row an utterance, so that a wrong binding catches the eye."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from sdme_tools.media.video import Picture
from sdme_tools.stages.preview.glimpses import CLOSEUP_PX, Box, Glimpse, Sight
from sdme_tools.stages.preview.picture import colour_of
from sdme_tools.stages.preview.style import (
    DOUBTFUL,
    FAINT,
    GOOD,
    INK,
    format_time,
    new_figure,
    printable,
    save_figure,
    shorten,
)
from sdme_tools.stages.preview.verdict import describe_binding, describe_utterance

ROWS_A_PAGE = 12
WIDTH_PX, ROW_PX, HEAD_PX = 1400, 128, 44
_FRAME_X, _CLOSE_X, _TEXT_X = 24, 336, 592
_LOUD_MS = 100


@dataclass(frozen=True)
class SheetRow:
    """What the sheet keeps of an utterance once its pictures have gone."""

    number: int
    """1-based place among the recording's utterances."""
    verdict: str
    facts: str
    doubts: str
    text: str
    utterance_id: str
    start_ms: int
    is_bound: bool
    frame: Picture | None
    boxes: tuple[tuple[Box, str, bool, str], ...]
    """Box, colour, whether it is the bound face, letter."""
    closeups: tuple[Picture, ...]
    """Up to two of the bound face, at the loudest moments."""


def make_row(sight: Sight, number: int) -> SheetRow:
    """Take down what the sheet shows of an utterance."""
    binding, bound = sight.view.binding, sight.view.binding.track_id if sight.view.binding else None
    facts, doubts = describe_utterance(sight)
    loudest = _by_loudness(sight)
    with_face = [g.closeups[bound] for g in loudest if bound in g.closeups] if bound else []
    first = loudest[0] if loudest else None
    boxes = first.boxes if first else {}
    return SheetRow(
        number=number,
        verdict=describe_binding(sight),
        facts=facts,
        doubts=doubts,
        text=sight.view.text,
        utterance_id=sight.view.utterance.utterance_id,
        start_ms=sight.view.utterance.span.start_ms,
        is_bound=binding is not None and bound is not None,
        frame=first.frame if first else None,
        boxes=tuple(
            (boxes[face.track_id], colour_of(face), face.track_id == bound, face.letter)
            for face in sight.faces
            if face.track_id in boxes
        ),
        closeups=tuple(with_face[:2]),
    )


def _by_loudness(sight: Sight) -> list[Glimpse]:
    """The pictures, the loudest moment first: that is where the speaker's mouth should be open."""
    start_ms = sight.view.utterance.span.start_ms

    def energy(glimpse: Glimpse) -> float:
        at = (glimpse.t_ms - start_ms) * 16
        piece = sight.voice[max(0, at - _LOUD_MS * 8) : at + _LOUD_MS * 8]
        return float(np.square(piece, dtype=np.float64).sum())

    return sorted(sight.glimpses, key=lambda g: (-energy(g), g.t_ms))


def draw_sheet(rows: Sequence[SheetRow], title: str, path: Path) -> None:
    """Write one page."""
    height = HEAD_PX + ROW_PX * len(rows)
    figure = new_figure(WIDTH_PX, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.text(24, 29, printable(title), fontsize=13, fontweight="bold", color=INK)
    for place, row in enumerate(rows):
        _draw_row(axes, row, HEAD_PX + place * ROW_PX)
    axes.set_xlim(0, WIDTH_PX)
    axes.set_ylim(height, 0)
    save_figure(figure, path)


def _draw_row(axes: Axes, row: SheetRow, top: float) -> None:
    mark = GOOD if row.is_bound else DOUBTFUL
    axes.add_patch(Rectangle((8, top + 3), 8, ROW_PX - 8, color=mark, hatch=None if row.is_bound else "///"))
    axes.axhline(top, color="#DDDDDD", linewidth=0.8)
    if row.frame is not None:
        _draw_frame(axes, row, row.frame, top)
    for place, picture in enumerate(row.closeups):
        _show(axes, picture, _CLOSE_X + place * (CLOSEUP_PX + 6), top + 5)
    if not row.closeups:
        axes.text(_CLOSE_X + CLOSEUP_PX, top + ROW_PX / 2, "no face claimed", fontsize=10, color=FAINT, ha="center")
    head = f"{row.number}.  {format_time(row.start_ms)}   {row.verdict}"
    axes.text(_TEXT_X, top + 26, shorten(printable(head), 78), fontsize=12, fontweight="bold", color=INK)
    axes.text(_TEXT_X, top + 50, shorten(printable(row.facts), 118), fontsize=9, color=INK)
    axes.text(_TEXT_X, top + 74, shorten(printable(f"“{row.text}”"), 92), fontsize=11, color=INK)
    if row.doubts:
        axes.text(_TEXT_X, top + 96, shorten(printable(f"! {row.doubts}"), 110), fontsize=10, color=DOUBTFUL)
    axes.text(_TEXT_X, top + 118, printable(row.utterance_id), fontsize=8, color=FAINT)


def _draw_frame(axes: Axes, row: SheetRow, frame: Picture, top: float) -> None:
    scale = min(1.0, (ROW_PX - 10) / frame.shape[0])
    width, height = frame.shape[1] * scale, frame.shape[0] * scale
    y0 = top + (ROW_PX - height) / 2
    axes.imshow(frame, extent=(_FRAME_X, _FRAME_X + width, y0 + height, y0), interpolation="bilinear", aspect="auto")
    for (x, y, w, h), colour, is_bound, letter in row.boxes:
        corner = (_FRAME_X + x * scale, y0 + y * scale)
        for line, edge in ((4.0, "white"), (2.6, colour)) if is_bound else ((1.2, colour),):
            style = "-" if is_bound else (0, (3, 2))
            patch = Rectangle(corner, w * scale, h * scale, fill=False, linewidth=line, edgecolor=edge, linestyle=style)
            axes.add_patch(patch)
        tag = {"facecolor": colour, "edgecolor": "none", "pad": 1.0}
        axes.text(corner[0] + 2, corner[1] + 9, letter, fontsize=7, color="white", bbox=tag)


def _show(axes: Axes, picture: NDArray[np.uint8], left: float, top: float) -> None:
    height, width = picture.shape[:2]
    axes.imshow(picture, extent=(left, left + width, top + height, top), interpolation="nearest", aspect="auto")
