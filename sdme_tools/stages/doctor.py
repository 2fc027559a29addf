"""Check the machine and a corpus before long work begins: each thing that is wrong comes with its cure."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sdme_tools.backends.device import resolve_device
from sdme_tools.backends.weights import DEFAULT_GROUP, MODEL_GROUPS, ModelState, check_model
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.doubts import read_doubts
from sdme_tools.errors import SdmeError
from sdme_tools.records.recording import Consent, Recording
from sdme_tools.stages.pipeline import STAGES

EXTRAS = {
    "extract": ("av", "cv2", "mediapipe", "onnxruntime", "pysubs2", "scenedetect", "silero_vad", "torch", "whisper"),
    "diarization": ("pyannote.audio",),
    "faster-whisper": ("faster_whisper",),
    "identity": ("av", "cv2", "dlib", "torch"),
    "look": ("av", "cv2", "matplotlib", "numpy", "praatio", "pympi", "pysubs2"),
    "annotate": ("jinja2", "label_studio_sdk"),
    "release": ("numpy", "pyarrow"),
    "train": ("av", "cv2", "pyarrow", "safetensors", "sklearn", "torch"),
}
"""Extra -> modules that it brings."""

MIN_FREE_BYTES = 5_000_000_000


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    name: str
    is_well: bool
    finding: str
    cure: str = ""


def examine(corpus_dir: Path | None) -> list[Check]:
    """Look at Python, the extras, the GPU, the model files, and, where one is named, the corpus."""
    checks = [_python(), *_extras(), _gpu(), *_models(), _disk(corpus_dir or Path.cwd())]
    return [*checks, *_corpus(corpus_dir)] if corpus_dir else checks


def _python() -> Check:
    return Check("Python", sys.version_info >= (3, 11), f"{platform.python_version()}", "install Python 3.11 or newer")


def _extras() -> Iterator[Check]:
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if not _is_installed(module)]
        finding = f"missing: {', '.join(missing)}" if missing else "installed"
        yield Check(f"extra {extra}", not missing, finding, f"pip install 'sdme-tools[{extra}]'")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package above it is missing
        return False


def _gpu() -> Check:
    found = _is_installed("torch") and resolve_device("auto") == "cuda"
    return Check("GPU", True, "CUDA device found" if found else "none; models run on the CPU")


def _models() -> Iterator[Check]:
    for group, models in MODEL_GROUPS.items():
        for model in models:
            state = check_model(model)
            # The other groups are for those who use them.
            is_well = state is ModelState.PRESENT or (state is ModelState.MISSING and group != DEFAULT_GROUP)
            finding = state.value if is_well == (state is ModelState.PRESENT) else f"not fetched ({model.purpose})"
            yield Check(f"model {model.name}", is_well, finding, model.fetch_command)


def _disk(folder: Path) -> Check:
    while not folder.exists():
        folder = folder.absolute().parent
    free = shutil.disk_usage(folder).free
    return Check("disk", free >= MIN_FREE_BYTES, f"{free / 1e9:.1f} GB free", f"free some space near {folder}")


def _corpus(corpus_dir: Path) -> Iterator[Check]:
    try:
        corpus = Corpus.open(corpus_dir)
        participants, recordings = corpus.participants(), corpus.recordings()
        corpus.seats()
    except SdmeError as error:
        yield Check("corpus", False, error.what, error.cure or "")
        return
    yield Check("corpus", os.access(corpus.root, os.W_OK), f"{len(recordings)} recordings", "make the folder writable")
    for recording in recordings:
        source = corpus.source_path(recording)
        if not source.is_file():
            yield Check(recording.recording_id, False, f"{source} is gone", "put it back, or ingest it again")
        if not recording.participants:
            yield Check(recording.recording_id, False, "nobody is listed", "add rows to recordings.csv, ingest again")
    seen = {seat.participant_id for recording in recordings for seat in recording.participants}
    for person in sorted(seen):
        if person not in participants or participants[person].consent is Consent.NONE:
            cure = "enter it in participants.csv, or leave it so: nothing of this person is released"
            yield Check(f"consent {person}", False, "none recorded", cure)
    yield from _doubts(corpus)
    for stage in STAGES.values():
        yield _backend(corpus, stage.name)


def _doubts(corpus: Corpus) -> Iterator[Check]:
    """What `sdme speakers link` found of the rows of recordings.csv, where it has run."""
    cure = (
        "look at them; if a seat, channel or name in recordings.csv is wrong, mend it, then run `sdme ingest`, "
        "`sdme run` and `sdme speakers link` again; if all are right, `sdme speakers trust` them"
    )
    try:
        doubts = read_doubts(corpus)
    except SdmeError as error:
        yield Check("recordings.csv", False, error.what, error.cure or "")
        return
    for doubt in doubts:
        odd, others = ", ".join(doubt.recording_ids), ", ".join(doubt.elsewhere)
        finding = f"looks or sounds like somebody else in {odd} than in {others}"
        yield Check(f"participant {doubt.participant_id}", False, finding, cure)


def _backend(corpus: Corpus, stage_name: str) -> Check:
    asked: list[tuple[Path, Recording | None]] = [(corpus.source_path(known), known) for known in corpus.recordings()]
    try:
        found = [STAGES[stage_name].identify(corpus.config, *which) for which in asked or [(corpus.root, None)]]
    except SdmeError as error:
        return Check(f"backend of {stage_name}", False, error.what, error.cure or "")
    return Check(f"backend of {stage_name}", True, f"{found[0].backend} {found[0].version}" if found[0] else "built in")
