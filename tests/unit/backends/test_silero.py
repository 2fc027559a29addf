"""Silero VAD: real voices, and what importing it must not do."""

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np

from sdme_tools.backends.vad.silero import SileroVad
from sdme_tools.records.span import covered_ms
from sdme_tools.records.stage_config import SegmentSection

SPEECH = Path(__file__).parents[3] / "examples" / "speech"


def _read(path: Path) -> np.ndarray:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in (*frames, *resampler.resample(None))])


def test_finds_what_is_said_and_nothing_before_it() -> None:
    lines = json.loads((SPEECH / "speech.json").read_text())[:6]
    detector = SileroVad(SegmentSection(), "cpu")
    second = np.zeros(16_000, np.float32)
    found = detector.find_speech([np.concatenate([second, _read(SPEECH / line["file"]), second]) for line in lines])
    for line, spans in zip(lines, found, strict=True):
        assert spans[0].start_ms >= 900
        assert spans[-1].end_ms <= 2100 + line["duration_ms"]
        assert covered_ms(spans, spans[0].hull(spans[-1])) >= 0.6 * line["duration_ms"]


def test_shorter_bursts_than_min_speech_are_ignored() -> None:
    voice = _read(SPEECH / "dinner_1_00.opus")
    assert SileroVad(SegmentSection(), "cpu").find_speech([voice])[0]
    assert SileroVad(SegmentSection(min_speech_ms=5000), "cpu").find_speech([voice]) == [[]]


def test_a_voice_of_no_length_holds_no_speech() -> None:
    detector = SileroVad(SegmentSection(), "cpu")
    assert detector.find_speech([np.zeros(0, np.float32), np.zeros(15, np.float32), np.zeros(16, np.float32)]) == [
        [],
        [],
        [],
    ]


def _run(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.strip()


PREPARE = """
import sys
from sdme_tools.backends.vad.silero import SileroVad
from sdme_tools.records.stage_config import SegmentSection
detector = SileroVad(SegmentSection(), "cpu")
"""


def test_the_import_leaves_the_threads_of_torch_alone() -> None:
    script = """
import torch, numpy
torch.set_num_threads(2)
detector.find_speech([numpy.zeros(16000, numpy.float32)])
import silero_vad
print(torch.get_num_threads())
"""
    assert _run(PREPARE + script) == "2"


def test_identify_imports_no_model_library() -> None:
    script = """
source = detector.identify()
print(source.backend, len(source.weights), {"torch", "onnxruntime", "silero_vad"} & set(sys.modules))
"""
    assert _run(PREPARE + script) == "silero 64 set()"
