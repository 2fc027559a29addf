"""Every command explains itself, is in the README, and ends a user's mistake in words."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sdme_tools.cli.main import COMMANDS, cli

README = Path(__file__).parents[3] / "README.md"


def leaves(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, *path, name)
        else:
            yield (*path, name)


ALL = list(leaves(cli))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_says_what_it_does_and_shows_an_example(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, [*path, "--help"])
    assert done.exit_code == 0
    assert "Example:" in done.output and f"sdme {' '.join(path)}" in done.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"sdme {name}" in README.read_text(encoding="utf-8")


def test_every_command_in_the_readme_exists() -> None:
    named = set(re.findall(r"\bsdme ([a-z][a-z-]*)\b", README.read_text(encoding="utf-8")))
    assert named <= set(COMMANDS), named - set(COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "nowhere"],
        ["run", "nowhere"],
        ["ingest", "nowhere", "a.mp4"],
        ["explain", "nowhere", "x_1_2"],
        ["votes", "import", "nowhere", "votes.csv"],
        ["release", "nowhere", "1.0.0"],
        ["train", "nowhere"],
        ["agreement", "nowhere"],
        ["consensus", "nowhere", "main"],
        ["preview", "nowhere", "--out", "o"],
        ["transcripts", "export", "nowhere", "--out", "o"],
        ["transcripts", "import", "nowhere", "a.csv"],
        ["export", "nowhere", "--format", "rttm", "--out", "o"],
        ["audit", "nowhere"],
    ],
    ids=" ".join,
)
def test_a_folder_that_is_none_is_told_with_the_cure(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sdme_tools.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr and done.stderr.strip()
    assert done.stdout == ""


def test_init_with_labels_of_ones_own(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["init", str(tmp_path / "c"), "--labels", "calm, upset"])
    assert done.exit_code == 0
    assert 'labels = ["calm", "upset"]' in (tmp_path / "c" / "corpus.toml").read_text(encoding="utf-8")


def test_doctor_speaks_json(tmp_path: Path) -> None:
    CliRunner().invoke(cli, ["init", str(tmp_path / "c")])
    done = subprocess.run(
        [sys.executable, "-m", "sdme_tools.cli.main", "doctor", str(tmp_path / "c"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert checks["Python"]["is_well"] and checks["corpus"]["is_well"]
    assert all(check["cure"] for check in checks.values() if not check["is_well"])


@pytest.mark.parametrize(
    ("arguments", "module", "extra"),
    [
        (["ingest", "c", "a.mp4"], "av", "extract"),
        (["release", "c", "1.0.0"], "pyarrow", "release"),
        (["train", "c"], "torch", "train"),
        (["preview", "c", "--out", "o"], "matplotlib", "look"),
        (["audit", "c"], "av", "extract,release"),
    ],
)
def test_a_missing_extra_is_named(arguments: list[str], module: str, extra: str, tmp_path: Path) -> None:
    """The package is hidden, as on a machine where only the core is installed."""
    CliRunner().invoke(cli, ["init", str(tmp_path / "c")])
    hide = f"import sys; sys.modules[{module!r}] = None; from sdme_tools.cli.main import main; main()"
    command = [sys.executable, "-c", hide, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert f"sdme-tools[{extra}]" in done.stderr
