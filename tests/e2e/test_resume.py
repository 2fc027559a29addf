"""A run killed at any moment and run again ends with the same bytes as one never killed."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import contents, run_states, sdme, start_run

NUM_KILLS = 20


def kill_after_changes(root: Path, num_changes: int, whole_group: bool) -> str:
    """Run; kill once `num_changes` file events were seen below the recordings; tell the last one.

    Killing the parent alone leaves its children behind: they must end themselves.
    """
    run = start_run(root, "--jobs", "2")
    seen, last = set(_names(root)), "nothing yet"
    while run.poll() is None and num_changes > 0:
        now = set(_names(root))
        if now != seen:
            num_changes, last = num_changes - 1, str(sorted(now ^ seen)[0])
        seen = now
        time.sleep(0.002)
    ended = run.poll() is not None
    if not ended:
        os.killpg(run.pid, signal.SIGKILL) if whole_group else os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    return "finished" if ended else last


def _names(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in (root / "recordings").rglob("*")]


@pytest.mark.slow
def test_twenty_kills_leave_the_bytes_of_an_undisturbed_run(ingested: Path, finished: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(ingested, root)
    chance = random.Random(0)
    moments = []
    while len(moments) < NUM_KILLS:
        moment = kill_after_changes(root, chance.randint(1, 12), whole_group=len(moments) % 2 == 0)
        if moment == "finished":  # begin anew, so that every kill hits a run at work
            assert contents(root) == contents(finished)
            shutil.rmtree(root)
            shutil.copytree(ingested, root)
        else:
            moments.append(moment)
    assert len(set(moments)) >= NUM_KILLS // 2, moments
    sdme("run", root)
    final, expected = contents(root), contents(finished)
    assert sorted(final) == sorted(expected)
    assert [name for name in final if final[name] != expected[name]] == []


def test_a_second_run_does_nothing(finished: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(finished, root)
    before = {path: path.stat().st_mtime_ns for path in (root / "recordings").rglob("*")}
    assert set().union(*run_states(root).values()) == {"fresh"}
    assert {path: path.stat().st_mtime_ns for path in (root / "recordings").rglob("*")} == before


def test_a_second_run_at_the_same_time_is_told_and_leaves(ingested: Path, finished: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(ingested, root)
    first = start_run(root)
    while f"process {first.pid} " not in (root / ".lock").read_text():
        assert first.poll() is None, first.communicate()
        time.sleep(0.01)
    second = sdme("run", root, check=False)
    assert second.returncode == 1 and f"another process writes this corpus (process {first.pid} " in second.stderr
    first.communicate()
    assert first.returncode == 0 and contents(root) == contents(finished)
