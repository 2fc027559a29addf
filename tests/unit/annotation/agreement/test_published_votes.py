"""CREMA-D and FER+: the figures of these data sets, by the commands, on files and in a corpus."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sdme_tools.cli.main import cli

CONVERTER = Path(__file__).parents[4] / "benchmarks" / "published_votes.py"


def convert(*arguments: object) -> None:
    subprocess.run([sys.executable, str(CONVERTER), *map(str, arguments)], check=True, capture_output=True)


def run(*arguments: object) -> dict[str, Any]:
    done = CliRunner().invoke(cli, [*map(str, arguments), "--json"])
    assert done.exit_code == 0, (arguments, done.exception)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def crema_d(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crema_d")
    convert("crema_d", shared_data / "annotations", folder)
    convert("corpus", folder / "votes.csv", folder / "corpus")
    run("votes", "import", folder / "corpus", folder / "corpus" / "imported.csv")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("source", ["votes.csv", "corpus"])
def test_crema_d_agreement(crema_d: Path, source: str) -> None:
    told = run("agreement", crema_d / source, "--resamples", 0)
    found = {row["condition"]: row for row in told["overall"]}
    assert sum(row["num_votes"] for row in found.values()) == 212_000
    assert {row["num_items"] for row in found.values()} == {7442}
    assert {row["num_clusters"] for row in found.values()} == {91}
    alpha = {condition: round(row["alpha"]["value"], 4) for condition, row in found.items()}
    assert alpha == {"voice": 0.2811, "video": 0.4582, "full": 0.4967}
    pairs = {
        (row["condition_a"], row["condition_b"]): round(100 * (1 - row["share_equal_everywhere"]["value"]), 1)
        for row in told["conditions"]
    }
    assert pairs == {("video", "voice"): 46.2, ("full", "voice"): 40.7, ("full", "video"): 18.6}
    assert told["all_conditions"]["num_labelled"] == 6042
    assert round(100 * told["all_conditions"]["share_equal"]["value"], 1) == 50.2


@pytest.mark.slow
def test_crema_d_intended_emotion(crema_d: Path) -> None:
    told = run("agreement", crema_d / "votes.csv", "--resamples", 0, "--known", crema_d / "intended.csv")
    right = {row["condition"]: round(row["votes_right"]["value"], 4) for row in told["known"]}
    assert right == {"voice": 0.4000, "video": 0.5744, "full": 0.6307}


@pytest.mark.slow
def test_crema_d_consensus(crema_d: Path) -> None:
    told = {row["condition"]: row for row in run("consensus", crema_d / "corpus")["conditions"]}
    ties = {condition: row["outcomes"]["tie"] for condition, row in told.items()}
    assert ties == {"voice": 644, "video": 470, "full": 420}
    told = {row["condition"]: row for row in run("consensus", crema_d / "corpus", "--method", "majority")["conditions"]}
    shares = {condition: round(row["num_labelled"] / row["num_items"], 4) for condition, row in told.items()}
    assert shares == {"voice": 0.6735, "video": 0.7421, "full": 0.7945}


@pytest.mark.slow
def test_fer_plus(shared_data: Path, tmp_path: Path) -> None:
    convert("ferplus", shared_data / "annotations", tmp_path)
    (row,) = run("agreement", tmp_path / "votes.csv", "--resamples", 0)["overall"]
    assert row["num_items"] == 35_887 and row["num_votes"] == 10 * 35_887 - 1  # one row has nine votes
    assert round(row["alpha"]["value"], 4) == 0.5151
    arguments = ("--without", "unknown", "--without", "NF", "--resamples", 0)
    (row,) = run("agreement", tmp_path / "votes.csv", *arguments)["overall"]
    assert round(row["alpha"]["value"], 4) == 0.5631
    (condition,) = run("consensus", tmp_path / "votes.csv")["conditions"]
    assert condition["outcomes"]["tie"] == 1776
