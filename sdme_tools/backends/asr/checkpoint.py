"""Whisper checkpoints: which file a name or path means, its hash, loading it without running anything it contains.

A name such as "turbo" means a file in whisper's own download cache. Nothing is downloaded during a run: a user decides
when gigabytes come over the network, and types `sdme models fetch whisper:NAME`.
"""

import ast
import importlib.util
import os
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError  # what torch raises when it refuses to unpickle; nothing here unpickles
from typing import TYPE_CHECKING, Any, Literal, cast

from sdme_tools.backends.device import require_torch_device
from sdme_tools.backends.packages import require_package
from sdme_tools.backends.weights import hash_weights
from sdme_tools.errors import BackendError

if TYPE_CHECKING:
    from whisper.model import Whisper

_OTHER_WAYS = (
    "or name a checkpoint of your own as [transcribe] model in corpus.toml, or take transcripts that lie beside the "
    'recordings: [transcribe] backend = "sidecar"'
)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on this machine."""

    path: Path
    sha256: str
    """Of a path: of what it holds now. Of a published name: what it must hold, checked when it is loaded."""


@dataclass(frozen=True)
class _Published:
    url: str

    @property
    def sha256(self) -> str:
        # whisper's addresses end in <sha256>/<file name>, and whisper checks its downloads by them.
        return self.url.split("/")[-2]

    @property
    def path(self) -> Path:
        return _locate_cache() / self.url.split("/")[-1]


def find_checkpoint(model: str) -> Checkpoint:
    """Tell which file a model name or path means, without loading it.

    What holds a slash, ends in .pt or exists is a path (relative to the working directory); the rest are names.

    Raises:
        BackendError: the file does not exist, or the name is neither known nor fetched; says what to do.
    """
    path = Path(model).expanduser()
    if path.is_file():
        return Checkpoint(path, hash_weights(path))
    if len(path.parts) > 1 or path.suffix == ".pt":
        raise BackendError(
            f"[transcribe] model names {path.absolute()}, which does not exist",
            cure=f"correct the path, {_OTHER_WAYS.removeprefix('or ')}",
        )
    published = _find_published(model)
    if not published.path.is_file():
        raise BackendError(
            f'the Whisper model "{model}" is not on this machine: {published.path} does not exist',
            cure=f"run `sdme models fetch whisper:{model}`, {_OTHER_WAYS}",
        )
    return Checkpoint(published.path, published.sha256)


def fetch_whisper(name: str) -> Path:
    """Download a published model into whisper's cache, unless it is there; return its path.

    whisper downloads and checks the SHA-256; the file takes its name only when it is complete.

    Raises:
        BackendError: the name is not known, whisper is not installed, or the download fails.
    """
    published = _find_published(name)
    target = published.path
    if target.is_file() and hash_weights(target) == published.sha256:
        return target
    whisper = require_package("whisper")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".tmp-") as folder:
            Path(whisper._download(published.url, folder, in_memory=False)).replace(target)
    except (OSError, HTTPException, RuntimeError) as error:
        raise BackendError(
            f'the Whisper model "{name}" could not be fetched from {published.url}: {error}',
            cure=f"check the network and the free space, or bring the file from elsewhere to {target}, {_OTHER_WAYS}",
        ) from error
    return target


def load_checkpoint(checkpoint: Checkpoint, device: Literal["cpu", "cuda"]) -> "Whisper":
    """Load a model, or return the one this process loaded last if it is the same.

    Raises:
        BackendError: whisper is not installed, there is no such device, or the file is damaged, holds something other
            than a Whisper model, holds code, or holds weights that are not finite.
    """
    require_torch_device(device, "[transcribe]")
    return _load_once(checkpoint, device)


@lru_cache(maxsize=1)
def _load_once(checkpoint: Checkpoint, device: str) -> "Whisper":
    path, sha256 = checkpoint.path, hash_weights(checkpoint.path)
    if sha256 != checkpoint.sha256:
        raise BackendError(
            f"the checkpoint {path} is damaged: got SHA-256 {sha256}, expected {checkpoint.sha256}",
            cure="delete it and fetch it again",
        )
    whisper_model = require_package("whisper.model")
    content = _read_checkpoint(path)
    try:
        model = whisper_model.Whisper(whisper_model.ModelDimensions(**content["dims"]))
        model.load_state_dict(content["model_state_dict"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise _refuse(path, f"it does not hold a Whisper model: {_first_line(error)}") from error
    wrong = [name for name, weight in model.state_dict().items() if not weight.isfinite().all()]
    if wrong:
        raise _refuse(path, f"{len(wrong)} of its weights are not finite numbers, such as {wrong[0]}")
    _set_alignment_heads(model, checkpoint.sha256)
    return cast("Whisper", model.to(device).eval())


def _set_alignment_heads(model: "Whisper", sha256: str) -> None:
    """Name the heads that tell the time of words, which whisper knows of its published models, wherever they lie."""
    heads = require_package("whisper")._ALIGNMENT_HEADS
    for name, url in list_published().items():
        if _Published(url).sha256 == sha256 and name in heads:
            model.set_alignment_heads(heads[name])


def _read_checkpoint(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds; the caller finds out
    torch = require_package("torch")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise _refuse(path, "it holds more than numbers (code or damage), and is not unpickled") from error
    except (OSError, RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError) as error:
        raise _refuse(path, f"it cannot be read: {_first_line(error)}") from error


def _refuse(path: Path, why: str) -> BackendError:
    return BackendError(
        f"the checkpoint {path} cannot be used: {why}",
        cure='give a checkpoint of openai-whisper, {"dims": …, "model_state_dict": …}, whole and as it was saved',
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _locate_cache() -> Path:
    # As whisper.load_model does, so that models which are there already are found.
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisper"


def _find_published(name: str) -> _Published:
    models = list_published()
    if name not in models:
        raise BackendError(
            f'"{name}" is neither a file nor a Whisper model; known: {", ".join(models)}',
            cure="correct [transcribe] model in corpus.toml: one of these names, or the path of a checkpoint",
        )
    return _Published(models[name])


@lru_cache(maxsize=1)
def list_published() -> dict[str, str]:
    """Return the models that the installed whisper can download: name -> address.

    Read from whisper's source, since importing whisper imports torch, which takes longer than deciding that a finished
    corpus needs no work.

    Raises:
        BackendError: whisper is not installed, or keeps its list elsewhere than in the versions this was written for.
    """
    spec = importlib.util.find_spec("whisper")
    if spec is None or spec.origin is None:
        raise BackendError("the package whisper is not installed", cure="install it: pip install 'sdme-tools[extract]'")
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "_MODELS" for t in node.targets):
            return cast("dict[str, str]", ast.literal_eval(node.value))
    raise BackendError(
        f"{spec.origin} lists no models where it used to",
        cure="install openai-whisper 20250625, or give the path of a checkpoint as [transcribe] model",
    )
