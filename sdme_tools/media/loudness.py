"""Loudness as broadcasters measure it, by FFmpeg's own filter.

Source: EBU R 128 and ITU-R BS.1770-4 (K-weighting, blocks of 400 ms, gates at -70 LUFS and 10 LU below the mean).
"""

from fractions import Fraction

import av
import numpy as np
from av.filter import Graph

from sdme_tools.media.audio import Sound
from sdme_tools.media.opening import silence

_NOTHING_HEARD_LUFS = -70.0
"""What the filter says while no block passed the absolute gate."""


def measure_loudness(sound: Sound, rate_hz: int) -> float | None:
    """Integrated loudness in LUFS, to .1; None of silence, and of less than the 400 ms that a block takes.

    Args:
        sound: float32[num_samples, num_channels], one channel or two.
        rate_hz: samples a second, any.
    """
    silence()
    layout = "mono" if sound.shape[1] == 1 else "stereo"
    graph = Graph()
    heard = graph.add_abuffer(sample_rate=rate_hz, format="fltp", layout=layout, time_base=Fraction(1, rate_hz))
    meter = graph.add("ebur128", "metadata=1:framelog=quiet")
    sink = graph.add("abuffersink")
    heard.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    for start in range(0, len(sound), rate_hz):
        block = np.ascontiguousarray(sound[start : start + rate_hz].T, np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        heard.push(frame)
    heard.push(None)
    lufs = _NOTHING_HEARD_LUFS
    while True:
        try:
            lufs = float(sink.pull().metadata.get("lavfi.r128.I", lufs))
        except (av.error.BlockingIOError, av.error.EOFError):
            return round(lufs, 1) if lufs > _NOTHING_HEARD_LUFS else None
