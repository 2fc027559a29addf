"""A withdrawal killed at any moment and typed again ends with the same bytes as one never killed."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import sdme
from tests.unit.withdrawal.full_corpus import make_full_corpus

NUM_KILLS = 24
OTHERS = (
    lambda root: ("status", root),
    lambda root: ("run", root),
    lambda root: ("release", root, "2.0.0"),
    lambda root: ("export", root, "--format", "csv", "--out", root.parent / "out"),
    lambda root: ("withdraw", root, "eve"),
)
"""Commands that must not touch a corpus from which somebody is half gone."""

_KILL = """
import os, signal, sys

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"}
number, seen = int(sys.argv.pop(1)), 0

def watch(event, arguments):
    global seen
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if event in CHANGES or (writes and not str(arguments[0]).startswith("/dev/")):
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
from sdme_tools.cli.main import main
try:
    main()
finally:
    print("changes:", seen, file=sys.stderr)
"""
"""Kills itself before the change to a file with that number: between any two changes there is one such moment."""


def withdraw_until(root: Path, number: int) -> "subprocess.CompletedProcess[str]":
    arguments = [str(number), "withdraw", str(root), "bob", "--without-server", "--remove-others", "--yes"]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", _KILL, *arguments], capture_output=True, text=True, check=False, env=environment
    )


def contents(root: Path) -> dict[str, bytes | None]:
    """Every file, folder (None) and link."""
    return {
        str(path.relative_to(root)): str(path.readlink()).encode()
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in sorted(root.rglob("*"))
    }


@pytest.mark.slow
def test_twenty_four_kills_leave_the_bytes_of_an_undisturbed_withdrawal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDME_CORPUS_KEY", "a key of tests")
    full, whole, root = tmp_path / "full", tmp_path / "whole" / "study", tmp_path / "killed" / "study"
    make_full_corpus(full)
    shutil.copytree(full, whole, symlinks=True)
    undisturbed = withdraw_until(whole, 0)
    assert undisturbed.returncode == 0, undisturbed.stderr
    num_changes = int(undisturbed.stderr.rsplit("changes:", 1)[1])
    assert num_changes > 100
    expected, before = contents(whole), contents(full)
    states: set[int] = set()
    for kill in range(NUM_KILLS):
        shutil.copytree(full, root, symlinks=True)
        killed = withdraw_until(root, 2 + kill * (num_changes - 2) // (NUM_KILLS - 1))
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        if (root / "withdrawal.json").exists():
            states.add(hash(tuple(contents(root).items())))
            refused = sdme(*OTHERS[kill % len(OTHERS)](root), check=False)
            assert refused.returncode == 1 and "a withdrawal is half done" in refused.stderr, refused
            sdme("withdraw", root, "--without-server")
        else:
            half = {
                name: content for name, content in contents(root).items() if name != ".lock" and "/.tmp-" not in name
            }
            assert {n: c for n, c in half.items() if not n.startswith(".tmp-")} in (
                _without(before),
                _without(expected),
            )
            if half.keys() & {"recordings/dinner"}:
                sdme("withdraw", root, "bob", "--without-server", "--remove-others", "--yes")
        assert contents(root) == expected, f"kill {kill}"
        shutil.rmtree(root)
    assert len(states) >= 20, "the moments are different ones"


def _without(found: dict[str, bytes | None]) -> dict[str, bytes | None]:
    return {name: content for name, content in found.items() if name != ".lock" and "/.tmp-" not in name}
