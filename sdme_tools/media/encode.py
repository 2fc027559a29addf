"""Writing clips: H.264 + AAC in MP4 and FLAC, the same bytes for the same input, nothing told about their origin."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.codec.context import Flags
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from sdme_tools.errors import MediaError
from sdme_tools.media.audio import Sound, Voice
from sdme_tools.media.opening import open_media, silence

AAC_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
"""Source: ISO/IEC 14496-3, table 1.18."""

_ANONYMOUS = {"fflags": "+bitexact"}
"""No creation time, no name and version of the encoder: the same input gives the same bytes."""

_REPRODUCIBLE_X264 = {"preset": "veryfast", "x264-params": "cpu-independent=1", "a53cc": "0"}
"""No captions of the source are taken over (a53cc). Without cpu-independent, x264's macroblock tree differed between
runs on one machine for some sizes (224×224)."""

_WITHOUT_ENCODER = "filter_units=remove_types=6"
"""Takes messages (SEI) out of H.264: x264 tells its version and all of its settings in one of 600 bytes.

Source: ITU-T H.264, table 7-1.
"""

_AAC_BIT_RATE = 96_000
"""Bits per second and channel."""


class ClipWriter:
    """An MP4 file being written: frames come one by one at a constant rate, the sound is given at once.

    Use as a context manager; the file is complete when the block is left without an error.

    Raises:
        OSError: the file cannot be written, such as for lack of space; also raised by `add` and on leaving.
    """

    def __init__(
        self,
        path: Path,
        *,
        width_px: int,
        height_px: int,
        frame_rate: Fraction,
        crf: int,
        sound: Sound | None = None,
        sound_rate_hz: int = 48_000,
        pixel_ratio: Fraction | None = None,
    ) -> None:
        self._width_px, self._height_px = width_px - width_px % 2, height_px - height_px % 2
        self._num_frames = 0
        with _as_os_error():
            self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", **_ANONYMOUS})
            self._video = self._container.add_stream("libx264", rate=frame_rate)
            self._video.width, self._video.height, self._video.pix_fmt = self._width_px, self._height_px, "yuv420p"
            self._video.options = {"crf": str(crf), **_REPRODUCIBLE_X264}
            self._video.codec_context.thread_count = 1  # with more, the bytes depend on the machine
            self._video.codec_context.flags |= Flags.bitexact
            if pixel_ratio:
                self._video.codec_context.sample_aspect_ratio = pixel_ratio
            self._video.codec_context.time_base = 1 / frame_rate
            heard = None if sound is None else self._add_sound(sound, sound_rate_hz)
            self._container.start_encoding()
            self._silent_encoder = BitStreamFilterContext(_WITHOUT_ENCODER, self._video, self._video)
            if heard is not None and sound is not None:
                self._write_sound(heard, sound, sound_rate_hz)

    def add(self, frame: VideoFrame) -> None:
        """Write a frame, upright, of any size and pixel format; it is scaled to the clip's."""
        ready = frame.reformat(width=self._width_px, height=self._height_px, format="yuv420p")
        ready.pts, ready.time_base = self._num_frames, self._video.codec_context.time_base
        ready.pict_type = PictureType.NONE  # let the encoder choose; decoded frames carry the source's
        self._num_frames += 1
        with _as_os_error():
            self._mux_pictures(self._video.encode(ready))

    def _mux_pictures(self, packets: "Iterable[Packet[VideoStream] | None]") -> None:
        """Write pictures without what the encoder says of itself; None = there are no more."""
        for packet in packets:
            for clean in self._silent_encoder.filter(packet):
                clean.stream = self._video
                self._container.mux(clean)

    def _add_sound(self, sound: Sound, rate_hz: int) -> AudioStream:
        num_channels = sound.shape[1]
        stream = self._container.add_stream("aac", rate=rate_hz, layout="mono" if num_channels == 1 else "stereo")
        stream.bit_rate = _AAC_BIT_RATE * num_channels
        stream.codec_context.flags |= Flags.bitexact
        return stream

    def _write_sound(self, stream: AudioStream, sound: Sound, rate_hz: int) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.T), format="fltp", layout=stream.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        self._container.mux(stream.encode(frame))
        self._container.mux(stream.encode(None))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._container.close()
            return
        with _as_os_error():
            self._mux_pictures([*self._video.encode(None), None])
            self._container.close()


def strip_sound(source: Path, target: Path) -> None:
    """Copy the pictures of an MP4 file as they are, without its sound and without any words about it.

    Raises:
        MediaError: the file has no pictures or cannot be read.
        OSError: the copy cannot be written, such as for lack of space.
    """
    with open_media(source) as read, ExitStack() as files:
        if not read.streams.video:
            raise MediaError(f"{source}: has no pictures", cure="run `sdme run` to cut the clips again")
        pictures = read.streams.video[0]
        with _as_os_error():
            options = {"movflags": "+faststart", **_ANONYMOUS}
            written = files.enter_context(av.open(str(target), "w", format="mp4", options=options))
            copy = written.add_stream_from_template(pictures)
            copy.metadata.clear()
        for packet in read.demux(pictures):
            if packet.dts is not None:
                packet.stream = copy
                with _as_os_error():
                    written.mux(packet)
        with _as_os_error():
            files.close()


def write_voice(path: Path, voice: Voice, *, rate_hz: int = 16_000) -> None:
    """Write float32[num_samples] as 16-bit mono FLAC; what exceeds -1 to 1 is clipped.

    Raises:
        OSError: the file cannot be written, such as for lack of space.
    """
    pcm = np.rint(np.clip(voice, -1, 32767 / 32768) * 32768).astype(np.int16)
    with _as_os_error(), av.open(str(path), "w", format="flac", options=_ANONYMOUS) as container:
        stream = container.add_stream("flac", rate=rate_hz, layout="mono", format="s16")
        stream.codec_context.flags |= Flags.bitexact
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@contextmanager
def _as_os_error() -> Iterator[None]:
    silence()
    try:
        yield
    except av.error.FFmpegError as error:
        raise OSError(error.errno, error.strerror) from error
