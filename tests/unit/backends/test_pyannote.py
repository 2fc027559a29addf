"""pyannote by the ordinary path: a small pipeline that was trained by tests/tooling/train_diarization.py.

Its dialogues are of lines that it has not heard; its faults are real folders and a real server that refuses.
"""

import http.server
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate

from sdme_tools.backends.diarization.pyannote import find_pipeline, list_pipeline_files
from sdme_tools.backends.registry import create_diarizer, create_vad
from sdme_tools.errors import BackendError
from sdme_tools.records.recording import Recording
from sdme_tools.records.stage_config import DiarizeSection, SegmentSection
from sdme_tools.records.utterance import Utterance
from sdme_tools.stages.segment import segment_recording
from tests.factories import ingest, write_media
from tests.tooling.dialogues import TrueTurn, mix_dialogue, read_lines
from tests.tooling.pipeline import PIPELINE
from tests.tooling.sounds import make_room

MAX_ERROR = 0.15
"""DER on dialogues of lines that the model has not heard; it was .061 when the model was committed."""
OVERLAP_MS = 800
UNHEARD = [line for line in read_lines() if line.number >= 8]


def _dialogue(folder: Path, seed: int) -> tuple[Recording, list[TrueTurn]]:
    voice, turns = mix_dialogue(UNHEARD, seed, duration_ms=20_000, overlap_share=0.4)
    path = write_media(folder / f"{seed}.wav", sound=voice[:, None], rate_hz=16_000, audio_codec="pcm_s16le")
    return ingest(path), turns


def _segment(recording: Recording, folder: Path = PIPELINE) -> list[Utterance]:
    rules = SegmentSection(padding_ms=0)
    diarizer = create_diarizer(DiarizeSection(backend="pyannote", folder=str(folder), num_speakers=2), "cpu")
    return segment_recording(recording, Path(recording.source), rules, create_vad(rules, "cpu"), diarizer)[0]


def _annotate(turns: list[tuple[str, float, float]]) -> Annotation:
    annotation = Annotation()
    for number, (who, start_ms, end_ms) in enumerate(turns):
        annotation[Segment(start_ms / 1000, end_ms / 1000), number] = who
    return annotation


@pytest.mark.slow
def test_unheard_dialogues_are_found_the_same_way_twice(tmp_path: Path) -> None:
    metric = DiarizationErrorRate()
    for seed in (900, 901):
        recording, turns = _dialogue(tmp_path, seed)
        utterances = _segment(recording)
        assert [u.model_dump_json() for u in utterances] == [u.model_dump_json() for u in _segment(recording)]
        assert {u.source.backend for u in utterances} == {"silero + pyannote"}
        reference = _annotate([(turn.speaker, turn.span.start_ms, turn.span.end_ms) for turn in turns])
        found = _annotate([(str(u.voice_id), u.span.start_ms, u.span.end_ms) for u in utterances])
        metric(reference, found, uem=Timeline([Segment(0, 20)]))
    assert abs(metric) < MAX_ERROR


def test_two_at_once_are_two_voices_and_their_overlap_is_measured(tmp_path: Path) -> None:
    first, second = (line.voice for line in UNHEARD if line.number == 8 and line.speaker in ("p01", "p03"))
    sound = make_room(7.0)
    begins_ms = 500 + len(first) // 16 - OVERLAP_MS
    for voice, start_ms in ((first, 500), (second, begins_ms)):
        sound[start_ms * 16 : start_ms * 16 + len(voice)] += voice
    path = write_media(tmp_path / "both.wav", sound=sound[:, None], rate_hz=16_000, audio_codec="pcm_s16le")
    utterances = _segment(ingest(path))
    assert {utterance.voice_id for utterance in utterances} == {"v1", "v2"}
    assert sum(utterance.overlap_ms for utterance in utterances) == pytest.approx(2 * OVERLAP_MS, rel=0.3)


def _copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PIPELINE, tmp_path / "pipeline"))


def test_its_name_is_the_hash_of_all_its_files(tmp_path: Path) -> None:
    copy = _copy(tmp_path)
    settings = [DiarizeSection(backend="pyannote", folder=str(folder)) for folder in (PIPELINE, copy)]
    first, second = (create_diarizer(section, "cpu").identify() for section in settings)
    assert first == second
    text = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(text.replace("min_duration_off: 0.0", "min_duration_off: 0.1"))
    assert create_diarizer(settings[1], "cpu").identify().weights != first.weights


@pytest.mark.parametrize("part", ["segmentation/pytorch_model.bin", "embedding/pytorch_model.bin", "plda/plda.npz"])
def test_an_incomplete_folder_names_what_is_missing(tmp_path: Path, part: str) -> None:
    copy = _copy(tmp_path)
    (copy / part).unlink()
    with pytest.raises(BackendError, match=f"{part} is missing") as caught:
        list_pipeline_files(copy)
    assert "folder" in (caught.value.cure or "")


def test_a_config_that_refers_to_the_hub_is_refused(tmp_path: Path) -> None:
    copy = _copy(tmp_path)
    text = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(text.replace("$model/segmentation", "pyannote/segmentation-3.0"))
    with pytest.raises(BackendError, match=r"segmentation is 'pyannote/segmentation-3\.0'"):
        list_pipeline_files(copy)


@pytest.mark.parametrize("text", ["", "pipeline: [", "pipeline: {name: os.system, params: {}}"])
def test_a_config_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(BackendError, match=r"config\.yaml"):
        list_pipeline_files(tmp_path)


def test_no_folder_and_no_fetched_pipeline_say_which_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDME_MODELS_DIR", str(tmp_path))
    with pytest.raises(BackendError, match=r"\[diarize\] folder names"):
        find_pipeline(DiarizeSection(folder=str(tmp_path / "nowhere")))
    with pytest.raises(BackendError, match="is not on this machine") as caught:
        find_pipeline(DiarizeSection())
    for word in ("HF_TOKEN", "sdme models fetch pyannote:", "[diarize] folder"):
        assert word in (caught.value.cure or "")


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path: Path) -> None:
    copy, ran = _copy(tmp_path), tmp_path / "ran"
    path = copy / "segmentation" / "pytorch_model.bin"
    with zipfile.ZipFile(path) as source:
        members = {name: source.read(name) for name in source.namelist()}
    payload = pickle.dumps({"state_dict": _Touch(ran)}, protocol=2)
    with zipfile.ZipFile(path, "w") as target:
        for name, content in members.items():
            target.writestr(name, payload if name.endswith("data.pkl") else content)
    with pytest.raises(BackendError, match="cannot be loaded"):
        _segment(_dialogue(tmp_path, 900)[0], copy)
    assert not ran.exists()


class _Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


class _Hub(http.server.BaseHTTPRequestHandler):
    """A hub that answers with one status, as the real one does for gated, unknown and unreachable models."""

    status, code = 401, "GatedRepo"

    def do_GET(self) -> None:
        body = json.dumps({"error": "no"}).encode()
        self.send_response(self.status)
        self.send_header("X-Error-Code", self.code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - http.server looks for this name

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def _fetch(tmp_path: Path, endpoint: str, **environment: str) -> str:
    command = "from sdme_tools.backends.fetch_hub import fetch_pyannote; fetch_pyannote('pyannote/some-pipeline@abc')"
    # Backends tested before this one have told the hub's library in this process to stay offline.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    variables |= {"SDME_MODELS_DIR": str(tmp_path), "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf")}
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=False, env=variables | environment
    )
    assert done.returncode == 1
    assert not list(tmp_path.glob("pyannote/*/abc"))
    return done.stderr.splitlines()[-2] + done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("status", "code", "environment", "message"),
    [
        (401, "GatedRepo", {}, "wants a token, and $HF_TOKEN is not set"),
        (403, "GatedRepo", {"HF_TOKEN": "hf_wrong"}, "does not give it to the token in $HF_TOKEN"),
        (404, "RevisionNotFound", {}, "has no revision 'abc'"),
        (404, "RepoNotFound", {}, "has no pipeline"),
    ],
)
def test_the_hub_s_refusals_say_what_to_do(
    tmp_path: Path,
    hub: str,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    environment: dict[str, str],
    message: str,
) -> None:
    monkeypatch.setattr(_Hub, "status", status)
    monkeypatch.setattr(_Hub, "code", code)
    said = _fetch(tmp_path, hub, **environment)
    assert message in said
    assert "[diarize] folder" in said
    assert "hf_wrong" not in said


def test_no_network_says_so(tmp_path: Path) -> None:
    said = _fetch(tmp_path, "http://127.0.0.1:9")
    assert "does not answer" in said
    assert "[diarize] folder" in said
