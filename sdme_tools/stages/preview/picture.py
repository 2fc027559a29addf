"""The picture of one utterance: from top to bottom verdict, frames, each face close up, talking, waveform, spectrogram.

All of them share one time axis, so that an open mouth stands above the sound it makes, or does not.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from sdme_tools.media.audio import Voice
from sdme_tools.records.speaking import FaceSpeaking
from sdme_tools.stages.preview.glimpses import CLOSEUP_PX, NUM_TIMES, FacePath, Sight
from sdme_tools.stages.preview.style import (
    DOUBTFUL,
    FACE_COLOURS,
    FAINT,
    GOOD,
    INK,
    MISSING,
    format_time,
    new_figure,
    printable,
    save_figure,
    shorten,
)
from sdme_tools.stages.preview.verdict import describe_binding, describe_utterance

WIDTH_PX, LEFT_PX, RIGHT_PX = 1600, 96, 24
PLOT_PX = WIDTH_PX - LEFT_PX - RIGHT_PX
HEADER_PX, TALK_PX, WAVE_PX, SPECTRUM_PX, AXIS_PX, GAP_PX = 112, 130, 140, 130, 46, 8
MAX_CLOSE = 4
"""Faces shown close up; more are named."""
_RATE_HZ = 16_000


def draw_utterance(sight: Sight, path: Path) -> None:
    """Write the PNG of one utterance."""
    close = _choose_close(sight)
    frame_px = max((g.frame.shape[0] for g in sight.glimpses), default=0)
    heights = [HEADER_PX]
    heights += [frame_px, len(close) * (CLOSEUP_PX + 4), TALK_PX] if sight.glimpses else []
    heights += [WAVE_PX, SPECTRUM_PX]
    figure = new_figure(WIDTH_PX, sum(heights) + GAP_PX * len(heights) + AXIS_PX)
    panels = iter(_stack(figure, heights))
    _draw_header(next(panels), sight)
    if sight.glimpses:
        _draw_frames(next(panels), sight)
        _draw_close(next(panels), sight, close)
        _draw_talk(next(panels), sight)
    wave, spectrum = next(panels), next(panels)
    _draw_wave(wave, sight)
    _draw_spectrum(spectrum, sight)
    save_figure(figure, path)


def _stack(figure: Figure, heights: list[int]) -> list[Axes]:
    """Axes one below the other, given their heights in pixels."""
    total = figure.get_figheight() * figure.dpi
    axes, top = [], total
    for height in heights:
        top -= height + GAP_PX
        # Panels of no height (no face to show close up) get a hair's, which nobody sees.
        place = (LEFT_PX / WIDTH_PX, top / total, PLOT_PX / WIDTH_PX, max(height, 1e-3) / total)
        axes.append(figure.add_axes(place))
    return axes


def _bound(sight: Sight) -> str | None:
    return sight.view.binding.track_id if sight.view.binding else None


def colour_of(face: FacePath | None) -> str:
    """The face's colour, the same in all pictures of a recording; that of doubt where there is no face."""
    return FACE_COLOURS[face.place % len(FACE_COLOURS)] if face is not None else DOUBTFUL


def _choose_close(sight: Sight) -> list[FacePath]:
    """The faces that matter most: bound, runner-up, then the most seen; shown in their usual order."""
    binding, span = sight.view.binding, sight.view.utterance.span
    first = [binding.track_id, binding.runner_up_track_id] if binding else []

    def importance(face: FacePath) -> tuple[bool, int]:
        return face.track_id not in first, -face.num_seen(span)

    chosen = sorted(sight.faces, key=importance)[:MAX_CLOSE]
    return [face for face in sight.faces if face in chosen]


def _draw_header(axes: Axes, sight: Sight) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, PLOT_PX)
    axes.set_ylim(HEADER_PX, 0)
    view, colour = sight.view, colour_of(sight.face_of(_bound(sight)))
    axes.add_patch(Rectangle((-LEFT_PX + 16, 14), 14, HEADER_PX - 22, color=colour, clip_on=False))
    x = -LEFT_PX + 44
    axes.text(x, 30, printable(describe_binding(sight)), fontsize=17, fontweight="bold", color=INK)
    facts, doubts = describe_utterance(sight)
    axes.text(x, 56, printable(facts), fontsize=11, color=INK)
    said = view.text or ("(no words)" if view.wording else "(not transcribed)")
    axes.text(x, 82, shorten(printable(f"“{said}”"), 150), fontsize=13, color=INK)
    if MISSING in printable(view.text) and MISSING not in view.text:
        doubts += f"{', ' if doubts else ''}{MISSING} stands for what no font of this machine shows"
    if doubts:
        axes.text(x, 104, shorten(printable(f"! {doubts}"), 190), fontsize=11, color=DOUBTFUL)
    axes.text(PLOT_PX, 30, printable(view.utterance.utterance_id), fontsize=11, color=FAINT, ha="right")


def _draw_frames(axes: Axes, sight: Sight) -> None:
    shown = sight.glimpses[NUM_TIMES // 4 % 2 :: 2]
    height = max(g.frame.shape[0] for g in shown)
    axes.set_xlim(0, PLOT_PX)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    slot = PLOT_PX / len(shown)
    for place, glimpse in enumerate(shown):
        left = place * slot + (slot - glimpse.frame.shape[1]) / 2
        axes.imshow(glimpse.frame, extent=_extent(left, 0, glimpse.frame), interpolation="nearest", aspect="auto")
        for face in sight.faces:
            if face.track_id in glimpse.boxes:
                _draw_box(axes, sight, face, glimpse.boxes[face.track_id], left, glimpse.frame.shape[1])
        axes.text(left + 5, height - 6, format_time(glimpse.t_ms), fontsize=9, color="white", bbox=_tag("#000000B0"))
    axes.set_xlim(0, PLOT_PX)
    axes.set_ylim(height, 0)


def _draw_box(
    axes: Axes, sight: Sight, face: FacePath, box: tuple[float, float, float, float], left: float, width: int
) -> None:
    is_bound, colour = face.track_id == _bound(sight), colour_of(face)
    x, y, w, h = box
    # A white line below keeps the frame visible on any picture.
    for line, edge in ((4.5, "white"), (3.0, colour)) if is_bound else ((2.6, "white"), (1.4, colour)):
        style = "-" if is_bound or edge == "white" else (0, (3, 2))
        patch = Rectangle((left + x, y), w, h, fill=False, linewidth=line, edgecolor=edge, linestyle=style)
        patch.set_clip_path(Rectangle((left, 0), width, 10_000, transform=axes.transData))
        axes.add_patch(patch)
    score = mean_score(sight, face.track_id)
    words = face.letter + (" speaks" if is_bound else "") + (f" {score:.2f}" if score is not None else "")
    at = (min(max(left + x, left + 3), left + width - 30), max(y - 3, 13))
    tag = axes.text(*at, words, fontsize=9, color="white", bbox=_tag(colour), va="bottom" if y > 16 else "top")
    tag.set_fontweight("bold" if is_bound else "normal")


def mean_score(sight: Sight, track_id: str) -> float | None:
    """Mean talking score of a face over the utterance, None where it was not judged."""
    span = sight.view.utterance.span
    for face in sight.view.speaking.faces if sight.view.speaking else ():
        if face.track_id == track_id:
            scores = [s for t, s in zip(face.t_ms, face.scores, strict=True) if s is not None and span.contains(t)]
            return sum(scores) / len(scores) if scores else None
    return None


def _tag(colour: str) -> dict[str, object]:
    return {"facecolor": colour, "edgecolor": "none", "pad": 1.5}


def _extent(left: float, top: float, picture: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    return left, left + picture.shape[1], top + picture.shape[0], top


def _draw_close(axes: Axes, sight: Sight, close: list[FacePath]) -> None:
    axes.set_axis_off()
    row_px, slot = CLOSEUP_PX + 4, PLOT_PX / NUM_TIMES
    for row, face in enumerate(close):
        top, colour = row * row_px, colour_of(face)
        is_bound = face.track_id == _bound(sight)
        for place, glimpse in enumerate(sight.glimpses):
            left = place * slot + (slot - CLOSEUP_PX) / 2
            picture = glimpse.closeups.get(face.track_id)
            if picture is None:
                axes.text(left + CLOSEUP_PX / 2, top + CLOSEUP_PX / 2, "not seen", fontsize=9, color=FAINT, ha="center")
                continue
            axes.imshow(picture, extent=_extent(left, top, picture), interpolation="nearest", aspect="auto")
            frame = Rectangle((left, top), CLOSEUP_PX, CLOSEUP_PX, fill=False, edgecolor=colour)
            frame.set(linewidth=3.5 if is_bound else 1.2, linestyle="-" if is_bound else (0, (3, 2)))
            axes.add_patch(frame)
        axes.text(-LEFT_PX + 16, top + 34, face.letter, fontsize=24, fontweight="bold", color=colour)
        who = [shorten(printable(face.participant_id or "unknown"), 12), "SPEAKS" if is_bound else ""]
        axes.text(-LEFT_PX + 16, top + 44, "\n".join(who), fontsize=9, color=INK, va="top")
    more = len(sight.faces) - len(close)
    if more:
        axes.text(
            PLOT_PX, len(close) * row_px, f"and {more} more faces, not close up", fontsize=9, color=FAINT, ha="right"
        )
    axes.set_xlim(0, PLOT_PX)
    axes.set_ylim(max(1, len(close) * row_px), 0)


def _draw_talk(axes: Axes, sight: Sight) -> None:
    """One line a face: talking scores where there are any, else how far the mouth is open."""
    span = sight.view.utterance.span
    scored = {face.track_id: face for face in sight.view.speaking.faces} if sight.view.speaking else {}
    ends: list[tuple[float, str, str]] = []
    for face in sight.faces:
        t_ms, values = _scores(scored[face.track_id]) if face.track_id in scored else (np.zeros(0), np.zeros(0))
        if not scored:
            t_ms, values = face.mouth(span)
        is_bound, colour = face.track_id == _bound(sight), colour_of(face)
        style = "-" if is_bound else (0, (4, 2))
        axes.plot(t_ms / 1000, values, color=colour, linewidth=2.6 if is_bound else 1.4, linestyle=style)
        known = np.flatnonzero(~np.isnan(values) & (t_ms >= span.start_ms) & (t_ms < span.end_ms))
        if len(known):
            ends.append((float(values[known[-1]]), face.letter, colour))
    if scored:
        axes.set_ylim(-0.05, 1.05)
    _name_lines(axes, ends)
    if not sight.faces:
        axes.text(0.5, 0.5, "no face is seen", transform=axes.transAxes, ha="center", color=FAINT)
    _time_axis(axes, sight, "talking\nscore" if scored else "mouth\nopening")


def _name_lines(axes: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Write each line's letter beside its end, one above the other where ends lie close."""
    low, high = axes.get_ylim()
    below = -1.0
    for value, letter, colour in sorted(ends):
        place = max((value - low) / (high - low) - 0.06, below)
        axes.text(1.003, place, letter, transform=axes.transAxes, color=colour, fontweight="bold", fontsize=11)
        below = place + 0.17


def _scores(face: FaceSpeaking) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.array(face.t_ms, np.int64), np.array([np.nan if s is None else s for s in face.scores], np.float64)


def _draw_wave(axes: Axes, sight: Sight) -> None:
    span = sight.view.utterance.span
    low, high = _envelope(sight.voice)
    t = np.linspace(span.start_ms, span.end_ms, len(low), endpoint=False) / 1000
    axes.fill_between(t, low, high, color="#444444", linewidth=0)
    peak = max(1e-4, float(np.abs(sight.voice).max(initial=0.0)))
    axes.set_ylim(-1.15 * peak, 2.6 * peak)
    words = sight.view.wording.words if sight.view.wording else ()
    taken = [-1e9, -1e9, -1e9]
    ms_per_px = span.duration_ms / PLOT_PX
    for word in words:
        left = word.span.middle_ms - 4.5 * len(word.text) * ms_per_px
        row = next((i for i, end in enumerate(taken) if end < left), int(np.argmin(taken)))
        taken[row] = word.span.middle_ms + (4.5 * len(word.text) + 6) * ms_per_px
        for edge_ms in (word.span.start_ms, word.span.end_ms):
            axes.axvline(edge_ms / 1000, ymin=0, ymax=0.62, color=GOOD, linewidth=0.8, alpha=0.7)
        height = (2.25 - 0.5 * row) * peak
        axes.text(
            word.span.middle_ms / 1000, height, printable(word.text), fontsize=10, ha="center", va="center", color=INK
        )
    if sight.view.text and not words:
        note = shorten(printable(f"{sight.view.text}   (words without times)"), 160)
        axes.text(0.5, 0.88, note, transform=axes.transAxes, fontsize=10, ha="center", va="center", color=FAINT)
    _time_axis(axes, sight, "voice")
    axes.set_yticks([])


def _envelope(voice: Voice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Least and greatest value of each column of pixels."""
    columns = np.array_split(voice, min(PLOT_PX, max(1, len(voice))))
    return (
        np.array([c.min(initial=0.0) for c in columns], np.float32),
        np.array([c.max(initial=0.0) for c in columns], np.float32),
    )


def _draw_spectrum(axes: Axes, sight: Sight) -> None:
    """Level in dB below the loudest, windows of 25 ms; 60 dB are shown."""
    span, window = sight.view.utterance.span, 400
    hop = max(80, len(sight.voice) // PLOT_PX)
    padded = np.pad(sight.voice, (window // 2, window // 2 + window))
    starts = np.arange(0, max(1, len(sight.voice)), hop)
    pieces = padded[starts[:, None] + np.arange(window)] * np.hanning(window)
    power = np.square(np.abs(np.fft.rfft(pieces, 512)))
    level = 10 * np.log10(np.maximum(power, 1e-10))
    level = np.clip(level - level.max(), -60, 0)
    extent = (span.start_ms / 1000, span.end_ms / 1000, 0.0, _RATE_HZ / 2000)
    axes.imshow(level.T, origin="lower", extent=extent, aspect="auto", cmap="cividis", vmin=-60, vmax=0)
    _time_axis(axes, sight, "kHz", last=True)


def _time_axis(axes: Axes, sight: Sight, name: str, *, last: bool = False) -> None:
    span = sight.view.utterance.span
    axes.set_xlim(span.start_ms / 1000, span.end_ms / 1000)
    axes.set_ylabel(name, fontsize=10)
    axes.tick_params(labelsize=9, labelbottom=last)
    for t_ms in sight.times_ms:
        axes.axvline(t_ms / 1000, color=FAINT, linewidth=0.5, alpha=0.5, zorder=0)
    if last:
        axes.set_xlabel("seconds of the recording", fontsize=10)
