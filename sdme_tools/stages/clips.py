"""Cut out what raters see and networks learn from: clip.mp4, voice.flac and face.mp4 of each utterance.

The recording's pictures are decoded once for all its utterances: each decoded frame goes to the clips open at its
time, so memory does not grow with the recording. A clip begins with the picture displayed when the utterance starts;
where the pictures start later or end earlier than the utterance, the first or last one stands still.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame

from sdme_tools.corpus.layout import FACE_MEASURES
from sdme_tools.corpus.receipt import describe_file
from sdme_tools.corpus.table import replacing
from sdme_tools.media.audio import Sound, read_sound, read_voice, require_audio
from sdme_tools.media.encode import AAC_RATES_HZ, ClipWriter, write_voice
from sdme_tools.media.face_tables import read_measures
from sdme_tools.media.sound_blocks import SoundBlocks, VoiceBlocks
from sdme_tools.media.video import Picture, read_pictures, to_rgb
from sdme_tools.records.base import Source
from sdme_tools.records.face import Binding, FaceTrack
from sdme_tools.records.recording import Recording, VideoStream
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import ClipsSection
from sdme_tools.records.utterance import Clip, Utterance
from sdme_tools.stages.crops import FaceCrops, plan_crops

SOUND_BLOCK_MS = 60_000
"""Sound for clips read at a time: 23 MB of stereo at 48 kHz."""
_ROUNDING_US = 500


def cut_clips(
    recording: Recording,
    source: Path,
    utterances: Sequence[Utterance],
    bindings: Sequence[Binding],
    tracks: Sequence[FaceTrack],
    settings: ClipsSection,
    recording_dir: Path,
) -> list[Clip]:
    """Write the media of each utterance below `recording_dir` and return their records, in the order given.

    `clip` is None for utterances without pictures, `face` is None where no face is bound.

    Raises:
        MediaError: the recording cannot be read any more.
        CorpusError: a clip cannot be written, such as for lack of space.
    """
    _write_voices(recording, source, utterances, recording_dir)
    if recording.video is not None:
        faces = _plan_faces(bindings, tracks, utterances, settings, recording_dir / FACE_MEASURES)
        _cut_pictures(recording, recording.video, source, utterances, faces, settings, recording_dir)
    return [_describe(recording_dir, utterance, recording.video, bindings) for utterance in utterances]


def _write_voices(recording: Recording, source: Path, utterances: Sequence[Utterance], recording_dir: Path) -> None:
    voices: dict[int | None, VoiceBlocks] = {}
    for utterance in sorted(utterances, key=lambda u: u.span.start_ms):
        if utterance.channel not in voices:
            voices[utterance.channel] = VoiceBlocks(source, recording, utterance.channel)
        with replacing(_media_path(recording_dir, utterance, "voice.flac")) as temporary:
            write_voice(temporary, voices[utterance.channel].read(utterance.span.start_ms, utterance.span.end_ms))


def choose_frame_rate(settings: ClipsSection, video: VideoStream) -> Fraction:
    """The set rate, else the recording's average as a whole number, or as one of NTSC's n·1000/1001."""
    if settings.frames_per_second:
        return Fraction(settings.frames_per_second).limit_denominator(1001)
    whole = max(1, round(video.fps))
    ntsc = Fraction(whole * 1000, 1001)
    return ntsc if abs(video.fps - ntsc) < min(0.01, abs(video.fps - whole)) else Fraction(whole)


class _Cut:
    """The clip of one utterance while the pictures pass by."""

    def __init__(self, utterance: Utterance, frame_rate: Fraction, crops: FaceCrops | None) -> None:
        self.utterance = utterance
        self.crops = crops
        self._frame_rate = frame_rate
        self._num_written = 0
        self._num_frames = max(1, round(utterance.span.duration_ms * frame_rate / 1000))
        self._files = ExitStack()
        self._clip: ClipWriter | None = None
        self._face: ClipWriter | None = None

    @property
    def is_done(self) -> bool:
        """Whether all its frames are written."""
        return self._num_written >= self._num_frames

    def open(self, clip: ClipWriter, face: ClipWriter | None, files: ExitStack) -> None:
        """Take over the writers and what closes them."""
        self._clip, self._face, self._files = clip, face, files

    def show(self, shown: "_Shown", until_us: float) -> None:
        """Write the picture at each tick before `until_us`, when the next one takes its place."""
        while not self.is_done and self._tick_us() + _ROUNDING_US < until_us:
            if self._clip is not None:
                self._clip.add(shown.upright())
            if self._face is not None and self.crops is not None:
                t_ms = self._tick_us() / 1000
                self._face.add(VideoFrame.from_ndarray(self.crops.cut(shown.rgb(), t_ms), format="rgb24"))
            self._num_written += 1

    def _tick_us(self) -> float:
        return self.utterance.span.start_ms * 1000 + float(self._num_written * 1_000_000 / self._frame_rate)

    def close(self) -> None:
        """Finish the files and put them in their places."""
        self._files.close()


class _Shown:
    """A decoded frame, converted at most once whoever asks."""

    def __init__(self, frame: VideoFrame, video: VideoStream) -> None:
        self._frame, self._video = frame, video
        self._rgb: Picture | None = None

    def rgb(self) -> Picture:
        """uint8[H, W, 3] RGB as displayed."""
        if self._rgb is None:
            self._rgb = to_rgb(self._frame, self._video)
        return self._rgb

    def upright(self) -> VideoFrame:
        """The frame as displayed."""
        return VideoFrame.from_ndarray(self.rgb(), format="rgb24") if self._video.rotation_deg else self._frame


def _cut_pictures(
    recording: Recording,
    video: VideoStream,
    source: Path,
    utterances: Sequence[Utterance],
    faces: dict[str, FaceCrops],
    settings: ClipsSection,
    recording_dir: Path,
) -> None:
    visible = sorted((u for u in utterances if u.span.overlap_ms(video.span)), key=lambda u: u.span.start_ms)
    if not visible:
        return
    frame_rate = choose_frame_rate(settings, video)
    pending = deque(_Cut(utterance, frame_rate, faces.get(utterance.utterance_id)) for utterance in visible)
    running: list[_Cut] = []
    sound = _ClipSound(recording, source)
    with ExitStack() as rescue:
        for shown, until_us in _with_ends(read_pictures(source, recording, _hull(visible)), video):
            while pending and pending[0].utterance.span.start_ms * 1000 + _ROUNDING_US < until_us:
                cut = pending.popleft()
                files = rescue.enter_context(ExitStack())
                cut.open(*_open_writers(files, video, sound, cut, frame_rate, settings, recording_dir), files)
                running.append(cut)
            for cut in running:
                cut.show(shown, until_us)
                if cut.is_done:
                    cut.close()
            running = [cut for cut in running if not cut.is_done]


def _with_ends(pictures: Iterator[tuple[int, VideoFrame]], video: VideoStream) -> Iterator[tuple[_Shown, float]]:
    """Yield each picture with the time at which the next one replaces it; the last one stays."""
    held = None
    for clock_us, frame in pictures:
        if held is not None:
            yield held, clock_us
        held = _Shown(frame, video)
    if held is not None:
        yield held, float("inf")


def _open_writers(
    files: ExitStack,
    video: VideoStream,
    sound: "_ClipSound",
    cut: _Cut,
    frame_rate: Fraction,
    settings: ClipsSection,
    recording_dir: Path,
) -> tuple[ClipWriter, ClipWriter | None]:
    clip_path = files.enter_context(replacing(_media_path(recording_dir, cut.utterance, "clip.mp4")))
    clip = ClipWriter(
        clip_path,
        width_px=video.width_px,
        height_px=video.height_px,
        frame_rate=frame_rate,
        crf=settings.crf,
        sound=sound.read(cut.utterance.span),
        sound_rate_hz=sound.rate_hz,
    )
    files.enter_context(clip)
    if cut.crops is None:
        return clip, None
    face_path = files.enter_context(replacing(_media_path(recording_dir, cut.utterance, "face.mp4")))
    side = settings.face_size_px
    face = ClipWriter(face_path, width_px=side, height_px=side, frame_rate=frame_rate, crf=settings.crf)
    return clip, files.enter_context(face)


class _ClipSound:
    """Sound for clip.mp4: mono and stereo as they are, more channels mixed; at a rate that AAC can carry."""

    def __init__(self, recording: Recording, source: Path) -> None:
        audio = require_audio(recording)
        is_mixed = audio.num_channels > 2
        self.rate_hz = audio.rate_hz if audio.rate_hz in AAC_RATES_HZ else 48_000

        def read(span: Span) -> Sound:
            if is_mixed:
                return read_voice(source, recording, span=span, rate_hz=self.rate_hz)[:, None]
            return read_sound(source, recording, span=span, rate_hz=self.rate_hz)

        self._blocks = SoundBlocks(
            read,
            recording.duration_ms,
            rate_hz=self.rate_hz,
            num_channels=1 if is_mixed else audio.num_channels,
            block_ms=SOUND_BLOCK_MS,
        )

    def read(self, span: Span) -> Sound:
        """float32[num_samples, num_channels]."""
        return self._blocks.read(span.start_ms, span.end_ms)


def _plan_faces(
    bindings: Sequence[Binding],
    tracks: Sequence[FaceTrack],
    utterances: Sequence[Utterance],
    settings: ClipsSection,
    measures_path: Path,
) -> dict[str, FaceCrops]:
    by_id = {track.track_id: track for track in tracks}
    spans = {utterance.utterance_id: utterance.span for utterance in utterances}
    bound = {b.utterance_id: b.track_id for b in bindings if b.track_id is not None and b.utterance_id in spans}
    measures = {track_id: read_measures(measures_path, track_id) for track_id in sorted(set(bound.values()))}
    return {
        utterance_id: plan_crops(by_id[track_id], spans[utterance_id], settings, measures[track_id])
        for utterance_id, track_id in bound.items()
    }


def _hull(utterances: Sequence[Utterance]) -> Span:
    return Span(
        start_ms=min(utterance.span.start_ms for utterance in utterances),
        end_ms=max(utterance.span.end_ms for utterance in utterances),
    )


def _describe(
    recording_dir: Path, utterance: Utterance, video: VideoStream | None, bindings: Sequence[Binding]
) -> Clip:
    visible = video is not None and utterance.span.overlap_ms(video.span) > 0
    bound = any(b.utterance_id == utterance.utterance_id and b.track_id is not None for b in bindings)
    voice, clip, face = (_media_path(recording_dir, utterance, name) for name in ("voice.flac", "clip.mp4", "face.mp4"))
    return Clip(
        utterance_id=utterance.utterance_id,
        duration_ms=utterance.span.duration_ms,
        voice=describe_file(voice, recording_dir),
        clip=describe_file(clip, recording_dir) if visible else None,
        face=describe_file(face, recording_dir) if visible and bound else None,
        source=Source(backend="pyav", version=av.__version__),
    )


def _media_path(recording_dir: Path, utterance: Utterance, name: str) -> Path:
    return recording_dir / "media" / utterance.utterance_id / name
