"""The environment of our own Label Studio server: apart from ours, because it pins the SDK and much else.

It lies in the user's cache, since it can be made again at any time: one for each version, shared by all corpora.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from platformdirs import user_cache_path

from sdme_tools.annotation.label_studio import PINNED_VERSION
from sdme_tools.errors import AnnotationError

CACHE_VARIABLE = "SDME_LABEL_STUDIO_ENV"
_CONSTRAINTS = Path(__file__).with_name("label_studio_constraints.txt")
"""Exact versions of everything that the server brings along."""
_READY = ".ready"
MIN_FREE_BYTES = 1_500_000_000


def locate_environment() -> Path:
    """Name the environment's folder: $SDME_LABEL_STUDIO_ENV, or one in the user's cache."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    return user_cache_path("sdme_tools", appauthor=False) / f"label-studio-{PINNED_VERSION}"


def is_installed() -> bool:
    """Whether the environment is there, whole, and of the versions that are pinned now."""
    marker = locate_environment() / _READY
    return marker.is_file() and marker.read_text(encoding="ascii") == _fingerprint()


def install_server() -> Path:
    """Make the environment if there is none (about 800 MB); return the server's program.

    Raises:
        AnnotationError: the package index does not give it, or the disk is full. Killed on the way, the next call
            begins anew.
    """
    folder = locate_environment()
    program = folder / "bin" / "label-studio"
    if is_installed():
        return program
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_installed():
            _make(folder)
    return program


def _make(folder: Path) -> None:
    if (free := shutil.disk_usage(folder.parent).free) < MIN_FREE_BYTES:
        raise AnnotationError(
            f"the server needs {MIN_FREE_BYTES / 1e9:.1f} GB near {folder}, and {free / 1e9:.1f} GB are free",
            cure=f"free some, or choose another place with {CACHE_VARIABLE}",
        )
    if folder.exists():
        if not (folder / "pyvenv.cfg").exists() and any(folder.iterdir()):
            raise AnnotationError(f"{folder} is no environment of ours", cure=f"name an empty one as {CACHE_VARIABLE}")
        shutil.rmtree(folder)
    python = str(folder / "bin" / "python")
    wanted = f"label-studio=={PINNED_VERSION}"
    if uv := _find_uv():
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
        _run([uv, "pip", "install", "--quiet", "--python", python, "--constraint", str(_CONSTRAINTS), wanted])
    else:
        _run([sys.executable, "-m", "venv", str(folder)])
        _run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", str(_CONSTRAINTS), wanted]
        )
    (folder / _READY).write_text(_fingerprint(), encoding="ascii")


def _find_uv() -> str | None:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.is_file() else shutil.which("uv")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        last = " ".join(done.stderr.strip().splitlines()[-3:])
        raise AnnotationError(
            f"the server's environment could not be made: {last or f'exit code {done.returncode}'}",
            cure="check the network and the index that pip is set up with, then run `sdme label-studio up` again; or "
            "run a server elsewhere and name it with --url",
        )


def _fingerprint() -> str:
    return hashlib.sha256(f"{PINNED_VERSION}\n{_CONSTRAINTS.read_text(encoding='utf-8')}".encode()).hexdigest()
