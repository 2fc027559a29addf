"""Fetching pipelines of pyannote and models of transformers from the hub, with the user's own token.

Like fetch.py this uses the network only when somebody types `sdme models fetch`; runs use what it has brought.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from sdme_tools.backends.diarization.pyannote import list_pipeline_files, locate_fetched
from sdme_tools.backends.packages import require_package
from sdme_tools.backends.weights import locate_transformers
from sdme_tools.errors import BackendError
from sdme_tools.records.stage_config import DiarizeSection

TOKEN_VARIABLE = "HF_TOKEN"  # noqa: S105 - the name of the variable, not a token
"""Environment variable of the user's token."""


def fetch_pyannote(name: str) -> list[Path]:
    """Bring a pyannote pipeline from the hub, e.g. 'pyannote/speaker-diarization-community-1@main'; return its folder.

    A pipeline that is there is left alone: what 'main' meant when it was fetched stays, until its folder is removed.
    The user's token is read from HF_TOKEN, and is neither stored nor logged.

    Raises:
        BackendError: the name is none; the token is missing or wrong, or its owner has not accepted the conditions;
            there is no such pipeline or revision; there is no network; what came is incomplete.
    """
    model, _, revision = name.partition("@")
    folder = locate_fetched(model, revision or DiarizeSection().revision)
    if folder.is_dir():
        return []
    with _snapshot(model, revision, folder, _PYANNOTE) as temporary:
        list_pipeline_files(temporary)
    return [folder]


def fetch_transformers(name: str) -> list[Path]:
    """Bring a pretrained model from the hub, e.g. 'microsoft/wavlm-base@main'; return its folder.

    Weights come as safetensors where the model has them, else as PyTorch's files, which are only ever read as tensors.
    What 'main' meant when it was fetched stays, until its folder is removed; better name a commit.

    Raises:
        BackendError: as `fetch_pyannote`; or no revision is given.
    """
    model, _, revision = name.partition("@")
    if not revision:
        raise BackendError(
            f"transformers:{name} names no revision", cure=f"pin one: transformers:{name}@COMMIT, or @main for today's"
        )
    folder = locate_transformers(model, revision)
    if folder.is_dir():
        return []
    with _snapshot(model, revision, folder, _TRANSFORMERS) as temporary:
        if not (temporary / "config.json").is_file():
            raise BackendError(f"the hub's {model} holds no config.json: it is no model of transformers")
    return [folder]


@dataclass(frozen=True)
class _Kind:
    """What is fetched of a repository, and what messages say.

    Attributes:
        noun: What the repository is.
        setting: What names a folder in its place.
        choices: Patterns of files; of several choices the first of which all patterns are there.
        left_out: Patterns of files that are not wanted.
    """

    noun: str
    setting: str
    choices: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...] = ()


_PYANNOTE = _Kind("pipeline", "[diarize] folder", (("config.yaml", "*/*.bin", "*/*.npz"),))
_AROUND = ("*.json", "*.txt", "*.model")
_TRANSFORMERS = _Kind(
    "model",
    "--voice, --face or --text",
    ((*_AROUND, "*.safetensors"), (*_AROUND, "pytorch_model*.bin")),
    ("*/*",),
)


@contextmanager
def _snapshot(model: str, revision: str, folder: Path, kind: _Kind) -> Iterator[Path]:
    """Download a repository beside `folder`; it takes its place when the caller has checked it."""
    os.environ |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    hub, errors = require_package("huggingface_hub"), require_package("huggingface_hub.errors")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".tmp-") as temporary:
        try:
            for patterns in kind.choices:
                hub.snapshot_download(
                    model,
                    revision=revision or None,
                    token=os.environ.get(TOKEN_VARIABLE) or False,
                    local_dir=temporary,
                    allow_patterns=list(patterns),
                    ignore_patterns=list(kind.left_out) or None,
                )
                if any(Path(temporary).glob(patterns[-1])):
                    break
        except (errors.HfHubHTTPError, errors.HFValidationError, errors.LocalEntryNotFoundError, OSError) as error:
            raise _explain_hub(model, revision, error, errors, kind) from error
        shutil.rmtree(Path(temporary) / ".cache", ignore_errors=True)
        yield Path(temporary)
        Path(temporary).rename(folder)
        Path(temporary).mkdir()  # for the context that removes it


def _explain_hub(model: str, revision: str, error: Exception, errors: ModuleType, kind: _Kind) -> BackendError:
    """Say which setting is at fault, and how to do without the hub."""
    without = f"or copy its folder from a machine that has it and name it as {kind.setting}"
    token = f"${TOKEN_VARIABLE}"
    has_token = bool(os.environ.get(TOKEN_VARIABLE))
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.RevisionNotFoundError):
        return BackendError(f"the hub's {model} has no revision {revision!r}", cure=f"correct the revision, {without}")
    if isinstance(error, errors.GatedRepoError) or status in (401, 403):
        what = f"does not give it to the token in {token}" if has_token else f"wants a token, and {token} is not set"
        return BackendError(
            f"the hub {what}: {model}",
            cure=f"accept the conditions on its page, put a token that may read it into {token}, {without}",
        )
    if isinstance(error, (errors.RepositoryNotFoundError, errors.HFValidationError)):
        return BackendError(f"the hub has no {kind.noun} {model!r}", cure=f"correct the name, {without}")
    first = (str(error).splitlines() or [""])[0]
    return BackendError(
        f"{model} could not be fetched: the hub does not answer ({type(error).__name__}: {first})",
        cure=f"check the network, {without}",
    )
