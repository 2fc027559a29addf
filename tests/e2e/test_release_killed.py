"""A release that is killed at any moment is whole or not there, and the same command then makes the same bytes."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
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


def release_and_kill(root: Path, num_changes: int, *, whole_group: bool) -> str:
    """Release; kill once `num_changes` changes were seen below the releases; tell the last one."""
    command = [sys.executable, "-m", "sdme_tools.cli.main", "release", str(root), "1.0.0"]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    seen, last = state_of(root / "releases"), "nothing yet"
    while run.poll() is None and num_changes > 0:
        now = state_of(root / "releases")
        if now != seen:
            num_changes -= 1
            last = str(sorted(dict(now.items() ^ seen.items()))[-1])
        seen = now
        time.sleep(0.001)
    ended = run.poll() is not None
    if not ended:
        os.killpg(run.pid, signal.SIGKILL) if whole_group else os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    return "finished" if ended else last


@pytest.mark.slow
def test_a_killed_release_never_looks_whole(root: Path) -> None:
    sdme("release", root, "1.0.0")
    releases = root / "releases"
    expected = {name: (releases / name).read_bytes() for name in state_of(releases) if (releases / name).is_file()}
    shutil.rmtree(releases)
    chance = random.Random(0)
    moments: list[str] = []
    for _ in range(3 * NUM_KILLS):
        moment = release_and_kill(root, chance.randint(1, 14), whole_group=len(moments) % 2 == 0)
        if (releases / "1.0.0").exists():  # it came to its end, or was killed after it
            assert verify_release(releases / "1.0.0").faults == ()
            shutil.rmtree(releases)
        if moment != "finished":
            moments.append(moment)
        if len(moments) == NUM_KILLS:
            break
    assert len(moments) == NUM_KILLS
    assert len(set(moments)) >= NUM_KILLS // 3, moments
    sdme("release", root, "1.0.0")
    found = {name: (releases / name).read_bytes() for name in state_of(releases) if (releases / name).is_file()}
    assert sorted(found) == sorted(expected)
    assert [name for name in found if found[name] != expected[name]] == []
