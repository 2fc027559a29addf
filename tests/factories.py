"""Makers of tiny real media files and of the records that go with them; everything is written with PyAV.

The test picture tells its own time: frame k is filled with the grey level `grey_of(k)`, and a white square marks the
left upper corner. The test sound is silent but for a click of full scale at each `clicks_ms`, or a sine tone.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from sdme_tools.corpus.layout import FACE_MEASURES
from sdme_tools.media.face_tables import FaceMeasures, write_measures
from sdme_tools.records.base import Source
from sdme_tools.records.face import Binding, BindingReason, FaceQuality, FaceTrack
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Utterance, make_utterance_id
from sdme_tools.stages.ingest import ingest_file

SOURCE = Source(backend="factory", version="1")


def grey_of(number: int) -> int:
    """Grey level of a frame; neighbours differ by more than a codec's error, the cycle is 16 frames."""
    return 20 + 13 * (number % 16)


def number_of(picture: NDArray[np.uint8]) -> int:
    """Which of 16 a decoded RGB picture is, told from its middle."""
    height, width = picture.shape[:2]
    return round((float(picture[height // 2 :, width // 2 :].mean()) - 20) / 13)


def make_tone(duration_ms: int, *, rate_hz: int = 48_000, frequency_hz: float = 440.0) -> NDArray[np.float32]:
    """float32[num_values, 1] sine of half scale."""
    t = np.arange(duration_ms * rate_hz // 1000) / rate_hz
    return (0.5 * np.sin(2 * np.pi * frequency_hz * t)).astype(np.float32)[:, None]


def make_clicks(duration_ms: int, clicks_ms: Sequence[int], *, rate_hz: int = 48_000) -> NDArray[np.float32]:
    """float32[num_values, 1] silence with a 2 ms burst beginning at each of the times."""
    sound = np.zeros((duration_ms * rate_hz // 1000, 1), np.float32)
    for click_ms in clicks_ms:
        start = click_ms * rate_hz // 1000
        sound[start : start + rate_hz // 500] = 0.9
    return sound


def write_media(
    path: Path,
    *,
    num_frames: int = 0,
    shown: Sequence[NDArray[np.uint8]] = (),
    frame_times_ms: Sequence[int] | None = None,
    fps: int = 25,
    size_px: tuple[int, int] = (96, 64),
    rotation_deg: int = 0,
    sound: NDArray[np.float32] | None = None,
    rate_hz: int = 48_000,
    sound_start_ms: int = 0,
    sound_gap_ms: tuple[int, int] | None = None,
    layout: str | None = None,
    audio_codec: str = "aac",
) -> Path:
    """Write a file whose container is told by its suffix.

    Args:
        shown: uint8[H, W, 3] RGB each, in place of `num_frames` test pictures.
        frame_times_ms: when each frame is shown; None spaces them evenly.
        rotation_deg: clockwise turn a player applies.
        sound: float32[num_values, num_channels].
        sound_gap_ms: (at, length): the timestamps jump by `length` after `at` ms of sound.
    """
    with av.open(str(path), "w") as container:
        if len(shown):
            num_frames, size_px = len(shown), (shown[0].shape[1], shown[0].shape[0])
        # All streams before the first packet, which writes the header.
        pictures = _add_pictures(container, fps, size_px, rotation_deg) if num_frames else None
        layout = layout or ("none" if sound is None else {1: "mono", 2: "stereo", 6: "5.1"}[sound.shape[1]])
        heard = None if sound is None else container.add_stream(audio_codec, rate=rate_hz, layout=layout)
        if pictures is not None:
            times_ms = frame_times_ms or [round(number * 1000 / fps) for number in range(num_frames)]
            drawn = shown or (_draw(number, size_px) for number in range(num_frames))
            _write_pictures(container, pictures, times_ms, drawn)
        if heard is not None and sound is not None:
            gap = sound_gap_ms or (0, 0)
            _write_sound(container, heard, sound, layout, start_ms=sound_start_ms, gap_ms=gap)
    return path


def _add_pictures(container: OutputContainer, fps: int, size_px: tuple[int, int], rotation_deg: int) -> av.VideoStream:
    stream = container.add_stream("libx264", rate=fps, options={"crf": "12", "preset": "ultrafast", "g": "10"})
    stream.width, stream.height = size_px
    stream.pix_fmt = "yuv420p"
    if container.format.name != "avi":  # AVI knows frame numbers only
        stream.codec_context.time_base = Fraction(1, 1000)
    if rotation_deg:
        stream.set_display_rotation(-rotation_deg)
    return stream


def _draw(number: int, size_px: tuple[int, int]) -> NDArray[np.uint8]:
    picture = np.full((size_px[1], size_px[0], 3), grey_of(number), np.uint8)
    picture[:16, :16] = 255
    return picture


def _write_pictures(
    container: OutputContainer, stream: av.VideoStream, times_ms: Sequence[int], drawn: Iterable[NDArray[np.uint8]]
) -> None:
    for time_ms, picture in zip(times_ms, drawn, strict=True):
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _write_sound(
    container: OutputContainer,
    stream: av.AudioStream,
    sound: NDArray[np.float32],
    layout: str,
    *,
    start_ms: int,
    gap_ms: tuple[int, int],
) -> None:
    rate_hz, step = stream.rate, 1024
    gap_at, gap_length = (time_ms * rate_hz // 1000 for time_ms in gap_ms)
    for start in range(0, len(sound), step):
        block = np.ascontiguousarray(sound[start : start + step].T)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
        frame.pts = start + start_ms * rate_hz // 1000 + (gap_length if start >= gap_at else 0)
        for ready in av.AudioResampler(format=stream.format, layout=layout, rate=rate_hz).resample(frame):
            container.mux(stream.encode(ready))
    container.mux(stream.encode(None))


def ingest(path: Path) -> Recording:
    """The file as a recording."""
    return ingest_file(path, known=[], seats=[]).recording


def make_utterance(recording: Recording, start_ms: int, end_ms: int, *, channel: int | None = None) -> Utterance:
    span = Span(start_ms=start_ms, end_ms=end_ms)
    return Utterance(
        utterance_id=make_utterance_id(recording.recording_id, span, channel),
        recording_id=recording.recording_id,
        span=span,
        speech_ms=span.duration_ms,
        channel=channel,
        source=SOURCE,
    )


def make_track(recording: Recording, boxes: Sequence[tuple[int, int, int, int]], *, step_ms: int = 100) -> FaceTrack:
    """A face track with one box every `step_ms`."""
    return FaceTrack(
        track_id=f"{recording.recording_id}_t1",
        recording_id=recording.recording_id,
        span=Span(start_ms=0, end_ms=step_ms * len(boxes)),
        t_ms=tuple(range(0, step_ms * len(boxes), step_ms)),
        boxes=tuple(boxes),
        mouth_opening=(None,) * len(boxes),
        quality=FaceQuality(median_size_px=20, median_sharpness=None, frontal_share=1, detected_share=1),
        source=SOURCE,
    )


def make_still_track(
    recording: Recording, name: str, box: tuple[int, int, int, int], t_ms: Sequence[int], *, mouth: float | None = None
) -> FaceTrack:
    """A face that stays where it is, seen at these times, with a mouth that never moves."""
    return FaceTrack(
        track_id=f"{recording.recording_id}_{name}",
        recording_id=recording.recording_id,
        span=Span(start_ms=t_ms[0], end_ms=t_ms[-1] + (t_ms[1] - t_ms[0] if len(t_ms) > 1 else 40)),
        t_ms=tuple(t_ms),
        boxes=(box,) * len(t_ms),
        mouth_opening=(mouth,) * len(t_ms),
        quality=FaceQuality(median_size_px=box[2], median_sharpness=None, frontal_share=1, detected_share=1),
        source=SOURCE,
    )


def write_measures_of(
    track: FaceTrack, folder: Path, *, eyes_px: Sequence[tuple[float, float, float, float]] | None = None
) -> None:
    """Write the face_measures.npz of a track; without eyes, as of a detector without landmarks."""
    num = len(track.t_ms)
    nothing = np.full(num, np.nan, np.float32)
    eyes = np.full((num, 4), np.nan, np.float32) if eyes_px is None else np.array(eyes_px, np.float32)
    pose = np.full((num, 3), np.nan, np.float32)
    measures = FaceMeasures(np.array(track.t_ms, np.int32), eyes, pose, nothing, nothing, nothing, nothing)
    folder.mkdir(parents=True, exist_ok=True)
    write_measures(folder / FACE_MEASURES, [], [(track.track_id, measures)])


def bind(utterance: Utterance, track: FaceTrack | None) -> Binding:
    return Binding(
        utterance_id=utterance.utterance_id,
        track_id=track.track_id if track else None,
        speaker_id=None,
        score=0.9 if track else None,
        margin=0.9 if track else None,
        reason=BindingReason.BOUND if track else BindingReason.NO_FACE,
        source=SOURCE,
    )
