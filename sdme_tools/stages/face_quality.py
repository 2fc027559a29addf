"""How good a bound face is as material, from what was measured on each sighting: no picture is decoded again."""

import numpy as np
from numpy.typing import NDArray

from sdme_tools.media.face_tables import FaceMeasures
from sdme_tools.records.face import FaceTrack
from sdme_tools.records.quality import FaceMaterialQuality
from sdme_tools.records.span import Span
from sdme_tools.stages.crops import INTERPOLATED_MS

NOT_SKIN = -7.0
"""Lip contrast below which something that is no skin covers the mouth. Free mouths gave -6 and more on sixteen people,
painted-in masks and microphones -8 and less; on one very pale face a white mask gave -2.5, so it can be missed."""
COVERED_DROP = 6.0
"""How far lip contrast falls below the face's own usual under a hand; it varies by 5 in free mouths. Faces whose lips
differ little from their cheeks never fall so far: on them a hand goes unseen."""

Floats = NDArray[np.float32]


def measure_face(track: FaceTrack, measures: FaceMeasures, span: Span, video: Span) -> FaceMaterialQuality:
    """Measure a track during an utterance; where it is not seen at all, its size is that of the whole track.

    Args:
        track: the bound face.
        measures: what was measured on its sightings.
        span: the utterance's.
        video: when there are pictures.
    """
    inside = measures.within(span.start_ms, span.end_ms)
    t_ms, sizes = np.array(track.t_ms), np.array(track.boxes)[:, 2:].max(axis=1)
    during = (t_ms >= span.start_ms) & (t_ms < span.end_ms)
    seen, interpolated, held = measure_shares(track, span.intersect(video) or span)
    return FaceMaterialQuality(
        seen_share=seen,
        interpolated_share=interpolated,
        held_share=held,
        median_size_px=round(float(np.median(sizes[during] if during.any() else sizes))),
        median_sharpness=_median(inside.sharpness),
        median_yaw_deg=_median(inside.pose_deg[:, 0]),
        median_pitch_deg=_median(inside.pose_deg[:, 1]),
        median_roll_deg=_median(inside.pose_deg[:, 2]),
        brightness=_median(inside.brightness),
        contrast=_median(inside.contrast),
        mouth_hidden_share=measure_mouth_hidden(inside.lip_contrast, measures.lip_contrast),
    )


def measure_shares(track: FaceTrack, span: Span) -> tuple[float, float, float]:
    """Shares of the pictures looked at in which the face was seen, its place filled in, and held; they sum to 1."""
    t_ms = np.array(track.t_ms, np.float64)
    step_ms = float(np.median(np.diff(t_ms))) if len(t_ms) > 1 else float(track.span.duration_ms)
    # The pictures looked at lie on the grid that the sightings lie on.
    first = np.ceil((span.start_ms - t_ms[0]) / step_ms - 0.5)
    ticks = t_ms[0] + step_ms * np.arange(first, first + max(1, round(span.duration_ms / step_ms)))
    after = np.searchsorted(t_ms, ticks)
    before_ms = np.where(after > 0, t_ms[np.maximum(after - 1, 0)], -np.inf)
    after_ms = np.where(after < len(t_ms), t_ms[np.minimum(after, len(t_ms) - 1)], np.inf)
    seen = np.minimum(ticks - before_ms, after_ms - ticks) <= 0.55 * step_ms
    filled = ~seen & (after_ms - before_ms <= INTERPOLATED_MS)
    num_seen, num_filled = int(seen.sum()), int(filled.sum())
    shares = (num_seen, num_filled, len(ticks) - num_seen - num_filled)
    return tuple(round(number / len(ticks), 4) for number in shares)  # type: ignore[return-value]


def measure_mouth_hidden(during: Floats, always: Floats) -> float | None:
    """Share of pictures in which the lips are less red than the cheeks, or much less so than they usually are.

    Args:
        during: lip contrast (see records.face.Face) of the sightings to judge.
        always: that of all sightings of the same face.
    """
    during, always = during[np.isfinite(during)], always[np.isfinite(always)]
    if not len(during):
        return None
    hidden = (during < NOT_SKIN) | (during < float(np.median(always)) - COVERED_DROP)
    return round(float(hidden.mean()), 4)


def _median(values: Floats) -> float | None:
    finite = values[np.isfinite(values)]
    return round(float(np.median(finite)), 1) if len(finite) else None
