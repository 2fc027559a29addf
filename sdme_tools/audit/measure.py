"""What a media file holds, measured by decoding all of it once: the facts that the checks judge.

Nothing is kept but figures, so that memory does not grow with the file.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from sdme_tools.errors import SdmeError
from sdme_tools.media.decoding import decode_audio, decode_video
from sdme_tools.media.probe import Probe, probe_file

RATE_HZ = 16_000
_HOP = 320
_EDGES_HZ = (0, 250, 500, 1000, 1500, 2000, 3000, 4500, 8000)
NUM_PARTS = 32
_MAX_PRINTED_HOPS = 30_000
"""Ten minutes: longer files are recordings, which nobody compares as clips."""
_STILL = 2
"""Grey levels by which pictures may differ anywhere and count as the same: encoders add about one."""
_SMALL = (64, 48)
_WINDOW = np.hanning(_HOP)


@dataclass(frozen=True)
class Measurement:
    """The facts of one file; None where it has no such stream."""

    problem: str | None = None
    """Why it cannot be read at all; then nothing else is told."""
    damage: tuple[str, ...] = ()
    """What is cut off, broken or undecodable in it."""
    audio_ms: int | None = None
    video_ms: int | None = None
    audio_late_ms: int = 0
    """By how much the sound starts after the pictures; negative: before."""
    gaps_ms: int = 0
    """Length of all stretches in which a stream has nothing although it goes on."""
    num_backwards: int = 0
    peak: float | None = None
    """Greatest absolute value of the sound, 0 to 1."""
    audio_hash: str | None = None
    """SHA-256 of the decoded sound at 16 kHz, mono, 16 bit; the same sound in another lossless file has the same."""
    fingerprint: tuple[float, ...] | None = None
    """float[8 * NUM_PARTS]: log-energy in 8 bands over NUM_PARTS parts, zero mean and unit norm; None for silence."""
    frozen_ms: int = 0
    """Longest stretch in which no picture differs from the one before it."""

    @property
    def duration_ms(self) -> int | None:
        """Length of the sound, else of the pictures."""
        return self.audio_ms if self.audio_ms is not None else self.video_ms


def measure_file(path: Path) -> Measurement:
    """Decode a file and measure it; a file that cannot be read is told of, never raised."""
    try:
        probe = probe_file(path)
    except SdmeError as error:
        return Measurement(problem=error.what.splitlines()[0].replace(str(path), path.name))
    damage = list(probe.damage)
    sound, frozen_ms = _Sound(), 0
    try:
        if probe.audio is not None:
            sound.take(_blocks(path, probe))
            damage += _lacking("sound", sound.duration_ms, probe.audio.span.duration_ms - _gaps_in(probe))
        if probe.video is not None:
            frozen_ms, num_pictures = _watch(path, probe)
            damage += _lacking("pictures", num_pictures, probe.video.num_frames)
    except SdmeError as error:
        damage.append(error.what.splitlines()[0].replace(str(path), path.name))
    starts = [stream.span.start_ms for stream in (probe.video, probe.audio) if stream is not None]
    return Measurement(
        damage=tuple(damage),
        audio_ms=probe.audio.span.duration_ms if probe.audio else None,
        video_ms=probe.video.span.duration_ms if probe.video else None,
        audio_late_ms=starts[1] - starts[0] if len(starts) == 2 else 0,
        gaps_ms=_gaps_in(probe),
        num_backwards=probe.num_backwards,
        peak=round(sound.peak, 6) if probe.audio else None,
        audio_hash=sound.digest() if probe.audio else None,
        fingerprint=sound.fingerprint() if probe.audio else None,
        frozen_ms=frozen_ms,
    )


def _gaps_in(probe: Probe) -> int:
    return sum(gap.duration_ms for gap in probe.gaps)


def _lacking(name: str, got: int, promised: int) -> list[str]:
    if got >= 0.9 * promised - 50:
        return []
    return [f"only {got / max(1, promised):.0%} of its {name} can be decoded"]


def _blocks(path: Path, probe: Probe) -> Iterator[NDArray[np.float32]]:
    """Yield the sound as float32[n], 16 kHz mono, without regard to gaps."""
    if probe.audio is None:
        return
    resampler, form = None, None
    for _, frame in decode_audio(path, probe.audio.index, from_us=probe.clock_zero_us):
        now = (frame.sample_rate, frame.layout.name, frame.format.name)
        if resampler is None or now != form:
            yield from _drain(resampler, None)
            resampler, form = _resampler(frame), now
        frame.pts = None
        yield from _drain(resampler, frame)
    yield from _drain(resampler, None)


def _resampler(frame: AudioFrame) -> av.AudioResampler:
    has_matrix = not frame.layout.name.endswith("channels")
    return av.AudioResampler(format="fltp", layout="mono" if has_matrix else frame.layout, rate=RATE_HZ)


def _drain(resampler: av.AudioResampler | None, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
    for converted in resampler.resample(frame) if resampler is not None else ():
        yield converted.to_ndarray().astype(np.float32, copy=False).mean(axis=0)


class _Sound:
    """Figures of a sound that passes by in blocks."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._num_samples = 0
        self._hash = hashlib.sha256()
        self._energies: list[NDArray[np.float64]] = []
        self._left: NDArray[np.float32] = np.zeros(0, np.float32)
        bins = np.fft.rfftfreq(_HOP, 1 / RATE_HZ)
        self._bands = [np.flatnonzero((bins >= low) & (bins < high)) for low, high in pairwise(_EDGES_HZ)]

    @property
    def duration_ms(self) -> int:
        """Length of what has passed."""
        return self._num_samples * 1000 // RATE_HZ

    def take(self, blocks: Iterator[NDArray[np.float32]]) -> None:
        """Measure all blocks."""
        for block in blocks:
            self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
            self._num_samples += len(block)
            self._hash.update(np.rint(np.clip(block, -1, 1) * 32767).astype("<i2").tobytes())
            self._measure_bands(block)

    def _measure_bands(self, block: NDArray[np.float32]) -> None:
        if len(self._energies) >= _MAX_PRINTED_HOPS:
            return
        joined = np.concatenate([self._left, block])
        num_hops = len(joined) // _HOP
        self._left = joined[num_hops * _HOP :]
        if num_hops:
            pieces = joined[: num_hops * _HOP].reshape(num_hops, _HOP) * _WINDOW
            power = np.square(np.abs(np.fft.rfft(pieces)))
            self._energies += list(np.stack([power[:, band].sum(axis=1) for band in self._bands], axis=1))

    def digest(self) -> str:
        """SHA-256 of the sound."""
        return self._hash.hexdigest()

    def fingerprint(self) -> tuple[float, ...] | None:
        """See `Measurement.fingerprint`."""
        if len(self._energies) < NUM_PARTS or len(self._energies) >= _MAX_PRINTED_HOPS or self.peak < 1e-3:
            return None
        parts = np.array([part.mean(axis=0) for part in np.array_split(np.array(self._energies), NUM_PARTS)])
        level = np.log10(parts + 1e-4 * parts.max())
        level -= level.mean()
        norm = float(np.linalg.norm(level))
        return tuple(float(x) for x in np.round(level / norm, 4).ravel()) if norm > 0 else None


def _watch(path: Path, probe: Probe) -> tuple[int, int]:
    """The longest stretch without change in ms, and the number of pictures."""
    if probe.video is None:
        return 0, 0
    before: NDArray[np.int16] | None = None
    number, longest_us, since_us, time_us = 0, 0, 0, 0
    for time_us, frame in decode_video(path, probe.video.index, from_us=probe.clock_zero_us):
        number += 1
        small = frame.to_ndarray(format="gray", width=_SMALL[0], height=_SMALL[1]).astype(np.int16)
        if before is None or np.abs(small - before).max() > _STILL:
            since_us, before = time_us, small
        longest_us = max(longest_us, time_us - since_us)
    last_us = round(1e6 / probe.video.fps)  # the last picture is shown as long as the others
    return max(longest_us, time_us + last_us - since_us) // 1000 if number > 1 else 0, number
