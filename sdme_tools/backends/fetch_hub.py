"""Fetching pipelines of pyannote from the hub, with the user's own token.

Like fetch.py this uses the network only when somebody types `sdme models fetch`; runs use what it has brought.
"""

import os
import shutil
import tempfile
from pathlib import Path
from types import ModuleType

from sdme_tools.backends.diarization.pyannote import list_pipeline_files, locate_fetched
from sdme_tools.backends.packages import require_package
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
    os.environ |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    hub, errors = require_package("huggingface_hub"), require_package("huggingface_hub.errors")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".tmp-") as temporary:
        try:
            hub.snapshot_download(
                model,
                revision=revision or None,
                token=os.environ.get(TOKEN_VARIABLE) or False,
                local_dir=temporary,
                allow_patterns=["config.yaml", "*/*.bin", "*/*.npz"],
            )
        except (errors.HfHubHTTPError, errors.HFValidationError, errors.LocalEntryNotFoundError, OSError) as error:
            raise _explain_hub(model, revision, error, errors) from error
        shutil.rmtree(Path(temporary) / ".cache", ignore_errors=True)
        list_pipeline_files(Path(temporary))
        Path(temporary).rename(folder)
        Path(temporary).mkdir()  # for the context that removes it
    return [folder]


def _explain_hub(model: str, revision: str, error: Exception, errors: ModuleType) -> BackendError:
    """Say which setting is at fault, and how to do without the hub."""
    without = "or copy its folder from a machine that has it and name it as [diarize] folder"
    token = f"${TOKEN_VARIABLE}"
    has_token = bool(os.environ.get(TOKEN_VARIABLE))
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.RevisionNotFoundError):
        return BackendError(
            f"the hub's {model} has no revision {revision!r}", cure=f"correct [diarize] revision, {without}"
        )
    if isinstance(error, errors.GatedRepoError) or status in (401, 403):
        what = f"does not give it to the token in {token}" if has_token else f"wants a token, and {token} is not set"
        return BackendError(
            f"the hub {what}: {model}",
            cure=f"accept the conditions on its page, put a token that may read it into {token}, {without}",
        )
    if isinstance(error, (errors.RepositoryNotFoundError, errors.HFValidationError)):
        return BackendError(f"the hub has no pipeline {model!r}", cure=f"correct [diarize] model, {without}")
    first = (str(error).splitlines() or [""])[0]
    return BackendError(
        f"{model} could not be fetched: the hub does not answer ({type(error).__name__}: {first})",
        cure=f"check the network, {without}",
    )
