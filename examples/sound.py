"""Audio in and out of files for the scripts of the example, by PyAV alone."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16000


def read_audio(path: Path, rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    """Decode the first audio stream to mono, placed on the container's clock.

    Returns:
        float32[num_samples] in -1 to 1; sample 0 is time 0 of the file, so a late start of the stream is silence here
        and the encoder's priming, which lies before 0, is cut off.
    """
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate_hz)
    parts: list[NDArray[np.float32]] = []
    start_s: float | None = None
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            start_s = frame.time if start_s is None else start_s
            parts.extend(part.to_ndarray()[0] for part in resampler.resample(frame))
    parts.extend(part.to_ndarray()[0] for part in resampler.resample(None))
    signal = np.concatenate(parts)
    offset = round((start_s or 0.0) * rate_hz)
    return np.pad(signal, (offset, 0)) if offset >= 0 else signal[-offset:]


def resample(signal: NDArray[np.float32], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """Bring mono float32[num_samples] from one rate to another."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=to_hz)
    frame = av.AudioFrame.from_ndarray(signal[None], format="flt", layout="mono")
    frame.sample_rate = from_hz
    parts = [part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))]
    resampled: NDArray[np.float32] = np.concatenate(parts).astype(np.float32)
    return resampled


def write_opus(path: Path, signal: NDArray[np.float32], rate_hz: int = RATE_HZ) -> None:
    """Write mono float32[num_samples] as Opus (32 kbit/s); a quarter of what FLAC takes."""
    pcm = np.clip(np.round(signal * 32767), -32768, 32767).astype(np.int16)
    # bitexact: no random serial number, so that the same speech gives the same bytes
    with av.open(str(path), "w", format="ogg", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=rate_hz, layout="mono", options={"b": "32k"})
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = rate_hz
        for chunk in (frame, None):
            container.mux(stream.encode(chunk))


def through_aac(signal: NDArray[np.float32], folder: Path, rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    """Give the signal as it sounds after the AAC track of a recording; same length, float32[num_samples]."""
    path = folder / "aac.mp4"
    with av.open(str(path), "w") as container:
        add_aac(container, signal, rate_hz)
    decoded = read_audio(path, rate_hz)
    path.unlink()
    return np.pad(decoded, (0, max(0, len(signal) - len(decoded))))[: len(signal)]


def add_aac(container: av.container.OutputContainer, signal: NDArray[np.float32], rate_hz: int = RATE_HZ) -> None:
    """Encode mono float32[num_samples] as the container's one AAC track (48 kHz, 96 kbit/s) and mux it."""
    stream = container.add_stream("aac", rate=48000, layout="mono", options={"b": "96k"})
    frame = av.AudioFrame.from_ndarray(resample(signal, rate_hz, 48000)[None], format="fltp", layout="mono")
    frame.sample_rate = 48000
    frame.pts = 0
    for chunk in (frame, None):
        container.mux(stream.encode(chunk))
