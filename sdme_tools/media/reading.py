"""Reading a file's packets through once, decoding only at the beginning and at the end."""

from array import array
from collections.abc import Mapping, Sequence

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from sdme_tools.media.opening import to_us
from sdme_tools.media.timeline import Timeline, read_picture_times, read_sound_times, scale_to_us

MediaStream = VideoStream | AudioStream
MediaFrame = VideoFrame | AudioFrame

_MAX_TAIL = 600
"""Packets kept to try the end of a stream: more than any usual distance of key frames."""


class StreamReading:
    """What one stream showed while its file was read through."""

    def __init__(self, stream: MediaStream) -> None:
        self._stream = stream
        self._pts, self._durations = array("q"), array("q")
        self._tail: list[Packet[Stream]] = []
        self._num_corrupt = 0
        self._ends_well = True
        self.first_frame: MediaFrame | None = None

    @property
    def codec(self) -> str:
        """Name of the codec, such as 'h264'."""
        return self._stream.codec_context.codec.name

    def take(self, packet: "Packet[Stream]") -> None:
        """Note a packet's times; decode it if nothing has been decoded yet."""
        pts = packet.pts if packet.pts is not None else packet.dts
        if pts is not None and not packet.is_discard:
            self._pts.append(pts)
            self._durations.append(packet.duration or 0)
        self._num_corrupt += packet.is_corrupt
        if packet.is_keyframe or len(self._tail) >= _MAX_TAIL:
            self._tail.clear()
        self._tail.append(packet)
        if self.first_frame is None:
            self.first_frame = self._decode_first([packet])

    def finish(self) -> None:
        """Decode the end of the stream, from the last key frame on."""
        if self.first_frame is None:
            self.first_frame = self._decode_first([None])
        self._stream.codec_context.flush_buffers()
        self._ends_well = self._decode_first([*self._tail, None]) is not None
        self._tail.clear()

    def _decode_first(self, packets: "Sequence[Packet[Stream] | None]") -> MediaFrame | None:
        for packet in packets:
            try:
                frames = self._stream.codec_context.decode(packet)
            except FFmpegError:
                continue
            if frames:
                return frames[0]
        return None

    def timeline(self) -> Timeline | None:
        """The stream's times; None if it has no timestamps at all."""
        time_base = self._stream.time_base
        if self.first_frame is None or not self._pts or time_base is None:
            return None
        times, durations = scale_to_us(self._pts, time_base), scale_to_us(self._durations, time_base)
        first = self.first_frame
        first_pts = first.pts if first.pts is not None else first.dts
        # Edit lists and encoder delay hide what comes before the first thing that is shown or heard.
        first_us = int(times.min()) if first_pts is None else to_us(first_pts, first.time_base or time_base)
        if isinstance(self._stream, VideoStream):
            return read_picture_times(times[times >= first_us], int(durations[-1]))
        return read_sound_times(times, durations).starting_at(first_us)

    def describe_damage(self) -> list[str]:
        """Tell in words what is wrong with the packets."""
        name = f"{self._stream.type} stream"
        notes = []
        if self._num_corrupt:
            notes.append(f"{name}: {self._num_corrupt} damaged packets")
        if not self._ends_well:
            notes.append(f"{name}: its end cannot be decoded")
        return notes


def read_through(
    container: InputContainer, streams: list[MediaStream]
) -> tuple[Mapping[int, StreamReading], str | None]:
    """Read all packets of the streams; also tell, in words, where reading broke off before the end."""
    readings = {stream.index: StreamReading(stream) for stream in streams}
    broken = None
    try:
        for packet in container.demux(*streams):
            if packet.size:
                readings[packet.stream_index].take(packet)
    except FFmpegError as error:
        broken = f"reading broke off before the end: {error.strerror}"
    for reading in readings.values():
        reading.finish()
    return readings, broken
