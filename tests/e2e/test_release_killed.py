"""A release that is killed at any moment is whole or not there, and the same command then makes the same bytes."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sdme_tools.audit.verify import verify_release
from tests.e2e.conftest import sdme
from tests.unit.release.tiny_corpus import LABELS, make_corpus, vote

NUM_KILLS = 20


@pytest.fixture
def root(tmp_path: Path) -> Path:
    corpus = make_corpus(tmp_path / "corpus")
    vote(corpus, tmp_path / "votes.csv", lambda place: (LABELS[place % 3],) * 2 + (LABELS[place // 2 % 3],))
    return corpus.root


def state_of(releases: Path) -> dict[str, int]:
    """Every file below the releases, temporary ones too, with its size."""
    found = {}
    try:
        for path in releases.rglob("*"):
            found[str(path.relative_to(releases))] = path.stat().st_size
    except FileNotFoundError:  # renamed while we looked: look again
        return state_of(releases)
    return found


def release_and_kill(root: Path, num_files: int, *, whole_group: bool) -> frozenset[str]:
    """Release; kill as soon as so many files are new. Returns the files that were there then."""
    before = state_of(root / "releases")
    command = [sys.executable, "-m", "sdme_tools.cli.main", "release", str(root), "1.0.0"]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while run.poll() is None:
        now = state_of(root / "releases")
        if len([name for name, size in now.items() if before.get(name) != size]) >= num_files:
            os.killpg(run.pid, signal.SIGKILL) if whole_group else os.kill(run.pid, signal.SIGKILL)
            break
    run.wait()
    return frozenset(state_of(root / "releases"))


@pytest.mark.slow
def test_a_killed_release_never_looks_whole(root: Path) -> None:
    releases = root / "releases"
    sdme("release", root, "1.0.0")
    expected = {name: (releases / name).read_bytes() for name in state_of(releases) if (releases / name).is_file()}
    shutil.rmtree(releases)
    moments: list[frozenset[str]] = []
    for number in range(3 * NUM_KILLS):
        left = release_and_kill(root, 1 + len(moments) * len(expected) // NUM_KILLS, whole_group=number % 2 == 0)
        if (releases / "1.0.0").exists():  # it came to its end before
            assert verify_release(releases / "1.0.0").faults == ()
            shutil.rmtree(releases / "1.0.0")
        else:
            moments.append(left)
        if len(moments) % 3 == 0:  # at other times the next run finds what this one left
            shutil.rmtree(releases, ignore_errors=True)
        if len(moments) == NUM_KILLS:
            break
    assert len(moments) == NUM_KILLS
    assert len(set(moments)) >= NUM_KILLS // 2, moments
    assert any("certificate.json" in name for left in moments for name in left)
    sdme("release", root, "1.0.0")
    found = {name: (releases / name).read_bytes() for name in state_of(releases) if (releases / name).is_file()}
    assert sorted(found) == sorted(expected)
    assert [name for name in found if found[name] != expected[name]] == []
