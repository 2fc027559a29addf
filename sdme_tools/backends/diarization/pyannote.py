"""pyannote.audio: a pipeline of segmentation, embedding and clustering tells voices apart by how they sound.

The pipeline is a folder laid out like pyannote/speaker-diarization-community-1: config.yaml, and what it refers to
(segmentation/, embedding/, plda/). [diarize] folder names one; else it is the one that `sdme models fetch` has brought
from the hub with the user's token. A run never uses the network, and pyannote's usage reports are off.

The whole mix is held in memory (230 MB an hour), since the pipeline compares every moment with every other. Its turns
are taken at their word, overlaps included: they are the speech, and what the voice activity detector finds outside of
them is dropped with the reason no_turn.

Source: H. Bredin, "pyannote.audio 2.1 speaker diarization pipeline", Interspeech 2023; pyannote.audio 4.
"""

import hashlib
import os
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from sdme_tools.backends.device import require_torch_device
from sdme_tools.backends.diarization.turns import Turn, assign_turns
from sdme_tools.backends.packages import require_package, require_version
from sdme_tools.backends.protocols import VOICE_RATE_HZ, Diarization, DiarizationRequest
from sdme_tools.backends.weights import FETCH_COMMAND, hash_weights, locate_models
from sdme_tools.errors import BackendError, ConfigError, raise_together
from sdme_tools.records.base import Source
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import DiarizeSection

CONFIG = "config.yaml"
PIPELINE = "pyannote.audio.pipelines.SpeakerDiarization"
_FILES = {
    "segmentation": ("pytorch_model.bin",),
    "embedding": ("pytorch_model.bin",),
    "plda": ("xvec_transform.npz", "plda.npz"),
}
"""What each part of a pipeline consists of."""
_LOCAL = "$model/"


class PyannoteDiarizer:
    """Voices by a pyannote.audio pipeline from a folder on this machine."""

    def __init__(self, settings: DiarizeSection, device: Literal["cpu", "cuda"]) -> None:
        self._settings = settings
        self._device = device

    def identify(self) -> Source:
        """Name the package's version and the hash of every file of the pipeline.

        Raises:
            BackendError: pyannote.audio is not installed, or the pipeline is missing or incomplete.
        """
        folder = find_pipeline(self._settings)
        hashes = [hash_weights(path) for path in list_pipeline_files(folder)]
        return Source(
            backend="pyannote",
            version=require_version("pyannote.audio"),
            weights=hashlib.sha256("".join(hashes).encode()).hexdigest(),
        )

    def identify_for(self, recording: Recording, source: Path) -> Source:
        """Like identify: nothing depends on the recording."""
        del recording, source
        return self.identify()

    def choose_channels(self, recording: Recording) -> tuple[int | None, ...]:
        """The mix."""
        del recording
        return (None,)

    def tell_voices(self, request: DiarizationRequest) -> Diarization:
        """Run the pipeline over the whole mix.

        Raises:
            BackendError: the pipeline cannot be loaded, or there is not enough memory on the GPU.
            ConfigError: the pipeline's clustering must be told the number of speakers.
        """
        settings = self._settings
        pipeline = _load_pipeline(
            find_pipeline(settings), self._device, settings.segmentation_batch_size, settings.embedding_batch_size
        )
        if pipeline.klustering == "KMeansClustering" and not settings.num_speakers:
            raise ConfigError(
                "the pipeline's KMeansClustering must be told how many people speak", cure="set [diarize] num_speakers"
            )
        torch = require_package("torch")
        waveform = torch.from_numpy(request.read_voice())[None]
        file = {"waveform": waveform, "sample_rate": VOICE_RATE_HZ, "uri": request.recording.recording_id}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about statistics of voices of a single frame
                found = pipeline(file, num_speakers=settings.num_speakers or None)
        except torch.OutOfMemoryError as error:
            raise BackendError(
                f"{request.recording.recording_id}: the GPU's memory does not suffice for diarization",
                cure="lower [diarize] segmentation_batch_size and embedding_batch_size, or use --device cpu",
            ) from error
        return assign_turns(_read_turns(found.speaker_diarization), request)


def _read_turns(annotation: Any) -> Iterator[Turn]:  # noqa: ANN401 - a class without types
    for segment, _, label in annotation.itertracks(yield_label=True):
        start_ms, end_ms = max(0, round(segment.start * 1000)), round(segment.end * 1000)
        if start_ms < end_ms:
            yield Turn(Span(start_ms=start_ms, end_ms=end_ms), str(label))


def locate_fetched(model: str, revision: str) -> Path:
    """Where `sdme models fetch` puts a pipeline from the hub."""
    return locate_models() / "pyannote" / model.replace("/", "--") / revision.replace("/", "--")


def find_pipeline(settings: DiarizeSection) -> Path:
    """Return the pipeline's folder: [diarize] folder, or the fetched one.

    Raises:
        BackendError: it is not there.
    """
    if settings.folder:
        folder = Path(settings.folder).expanduser()
        if not (folder / CONFIG).is_file():
            raise BackendError(
                f"[diarize] folder names {folder}, which holds no {CONFIG}",
                cure="name the folder of a whole pyannote pipeline: config.yaml, segmentation/, embedding/, plda/",
            )
        return folder
    folder = locate_fetched(settings.model, settings.revision)
    if not (folder / CONFIG).is_file():
        name = f"{settings.model}@{settings.revision}"
        raise BackendError(
            f"the pyannote pipeline {name} is not on this machine",
            cure=f"accept its conditions on the hub, put your token into HF_TOKEN and run `{FETCH_COMMAND} "
            f"pyannote:{name}`; or, without a token or network, name a folder that holds it as [diarize] folder",
        )
    return folder


def list_pipeline_files(folder: Path) -> list[Path]:
    """Return every file that a pipeline consists of, after checking that it needs nothing else.

    Raises:
        BackendError: config.yaml is no diarization pipeline, something that it refers to is missing, or lies elsewhere.
    """
    parts = _read_parts(folder / CONFIG)
    problems, files = [], [folder / CONFIG]
    for part, names in _FILES.items():
        where = parts.get(part)
        if not isinstance(where, str) or not where.startswith(_LOCAL):
            problems.append(f"{part} is {where!r} in {CONFIG}, expected {_LOCAL}{part}")
            continue
        paths = [folder / where.removeprefix(_LOCAL) / name for name in names]
        problems += [f"{path.relative_to(folder)} is missing" for path in paths if not path.is_file()]
        files += paths
    raise_together(
        BackendError,
        f"the pyannote pipeline in {folder} is incomplete:",
        problems,
        cure=f"copy the whole folder again, or fetch it with `{FETCH_COMMAND} pyannote:NAME@REVISION`; [diarize] "
        "folder must hold all its parts, since a run never downloads any",
    )
    return files


def _read_parts(path: Path) -> dict[str, object]:
    yaml = require_package("yaml")
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        name, parts = config["pipeline"]["name"], config["pipeline"]["params"]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise BackendError(
            f"{path} is no configuration of a pyannote pipeline ({error!r})", cure="copy the pipeline's folder again"
        ) from error
    if name != PIPELINE or not isinstance(parts, dict):
        raise BackendError(f"{path} describes {name}, expected {PIPELINE}", cure="choose a diarization pipeline")
    return parts


@lru_cache(maxsize=1)
def _load_pipeline(
    folder: Path, device: Literal["cpu", "cuda"], segmentation_batch_size: int, embedding_batch_size: int
) -> Any:  # noqa: ANN401 - a class without types
    list_pipeline_files(folder)
    # All three are read at import: no usage reports, and no download whatever a config says.
    os.environ |= {"PYANNOTE_METRICS_ENABLED": "0", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about torchcodec, which decodes nothing here
        pyannote = require_package("pyannote.audio")
    torch = require_package("torch")
    require_torch_device(device, "[diarize]")
    faults = (RuntimeError, ValueError, LookupError, TypeError, AttributeError, OSError, pickle.UnpicklingError)
    try:
        with _only_tensors():
            pipeline = pyannote.Pipeline.from_pretrained(folder)
    except faults as error:
        raise BackendError(
            f"the pyannote pipeline in {folder} cannot be loaded: {(str(error).splitlines() or [repr(error)])[0]}",
            cure="copy the folder again from where it came from; [diarize] folder and model say which is used",
        ) from error
    pipeline.segmentation_batch_size = segmentation_batch_size
    pipeline.embedding_batch_size = embedding_batch_size
    return pipeline.to(torch.device(device))


@contextmanager
def _only_tensors() -> Iterator[None]:
    """Make torch.load refuse pickled code: pyannote asks for full unpickling, which would run whatever a file says.

    Besides tensors, its checkpoints hold a few plain records, which are let through by name.
    """
    torch: Any = require_package("torch")
    task = require_package("pyannote.audio.core.task")
    load = torch.load

    def load_tensors(*arguments: object, **settings: object) -> object:
        return load(*arguments, **(settings | {"weights_only": True}))

    records = [task.Specifications, task.Problem, task.Resolution, torch.torch_version.TorchVersion]
    torch.load = load_tensors
    try:
        with torch.serialization.safe_globals(records):
            yield
    finally:
        torch.load = load
