"""`sdme --help` starts fast and loads nothing heavy; the core imports without any extra."""

import subprocess
import sys
import time

import pytest

HEAVY = ("torch", "cv2", "av", "pyarrow", "numpy", "mediapipe", "onnxruntime", "whisper", "rich", "pydantic")
MAX_SECONDS = 0.5


def modules_after(code: str) -> set[str]:
    shown = f"{code}\nimport sys; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return set(done.stdout.split("\n"))


def test_help_imports_nothing_heavy_and_few_modules() -> None:
    bare = modules_after("import click")
    loaded = modules_after(
        "from click.testing import CliRunner; from sdme_tools.cli.main import cli\n"
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0"
    )
    assert not loaded & set(HEAVY)
    own = {name for name in loaded if name.startswith("sdme_tools")}
    assert len(own) <= 5, sorted(own)
    assert len(loaded) - len(bare) < 60


def test_help_starts_in_under_half_a_second() -> None:
    """The best of several runs: the machine may be busy, the program may not be slow."""
    command = [sys.executable, "-m", "sdme_tools.cli.main", "--help"]
    times = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - began)
    assert min(times) < MAX_SECONDS


@pytest.mark.parametrize(
    "package",
    [
        "sdme_tools.records.schema",
        "sdme_tools.corpus.corpus",
        "sdme_tools.engine.local",
        "sdme_tools.stages.runner",
        "sdme_tools.annotation.consensus_rounds",
    ],
)
def test_the_core_imports_no_extra(package: str) -> None:
    extras = set(HEAVY) - {"rich", "pydantic"}
    assert not modules_after(f"import {package}") & extras
