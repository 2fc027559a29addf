"""Gates leave out what fails them, with the reason, everywhere it is asked for; and let it in again."""

import json
import shutil
from pathlib import Path
from statistics import median

import pytest

from tests.e2e.conftest import contents, run_states, sdme, set_value

FRESH, DONE = {"fresh"}, {"done"}


def _rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def gated(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, set[str]], set[str]]:
    """A finished corpus in which a gate was closed for the quieter half; the states of the run; who should fall."""
    root = tmp_path_factory.mktemp("gated") / "corpus"
    shutil.copytree(finished, root)
    rows = [row for path in (root / "recordings").glob("*/quality.jsonl") for row in _rows(path)]
    levels = {row["utterance_id"]: row["voice"]["loudness_lufs"] for row in rows}
    bound = median(levels.values())
    set_value(root, "quality.min_loudness_lufs", f"{bound}")
    states = run_states(root)
    return root, states, {name for name, level in levels.items() if level < bound}


def test_every_utterance_is_measured_and_passes_by_default(finished: Path) -> None:
    for recording in (finished / "recordings").iterdir():
        rows = _rows(recording / "quality.jsonl")
        assert [row["utterance_id"] for row in rows] == [
            row["utterance_id"] for row in _rows(recording / "utterances.jsonl")
        ]
        assert all(row["failed_gates"] == [] and row["voice"]["snr_db"] is not None for row in rows)
        bound = {row["utterance_id"]: row["track_id"] for row in _rows(recording / "bindings.jsonl")}
        assert all((row["face"] is None) == (bound[row["utterance_id"]] is None) for row in rows)
        assert any(row["face"]["seen_share"] > 0.9 for row in rows if row["face"])


def test_a_gate_reruns_quality_and_what_depends_on_it_only(gated: tuple[Path, dict[str, set[str]], set[str]]) -> None:
    _, states, fallen = gated
    assert fallen
    unchanged = dict.fromkeys(("segment", "faces", "speaking", "bind", "transcribe"), FRESH)
    assert states == unchanged | {"quality": DONE, "clips": states["clips"]}
    assert "done" in states["clips"]


def test_what_falls_has_its_reason_a_row_and_no_media(gated: tuple[Path, dict[str, set[str]], set[str]]) -> None:
    root, _, fallen = gated
    seen = set()
    for recording in (root / "recordings").iterdir():
        drops = _rows(recording / "dropped" / "quality.jsonl")
        assert all(drop["reason"] == "voice_quiet" and "LUFS" in drop["detail"] for drop in drops)
        dropped = {drop["utterance_id"] for drop in drops}
        rows = _rows(recording / "quality.jsonl")
        assert {row["utterance_id"] for row in rows if row["failed_gates"] == ["voice_quiet"]} == dropped
        standing = {row["utterance_id"] for row in rows} - dropped
        assert {row["utterance_id"] for row in _rows(recording / "clips.jsonl")} == standing
        assert {path.name for path in (recording / "media").iterdir()} == standing
        receipt = json.loads((recording / "receipts" / "quality.json").read_text(encoding="utf-8"))
        assert (receipt["num_kept"], receipt["num_dropped"]) == (len(standing), len(dropped))
        seen |= dropped
    assert seen == fallen


def test_status_explain_votes_and_release_know_it(
    gated: tuple[Path, dict[str, set[str]], set[str]], tmp_path: Path
) -> None:
    root, _, fallen = gated
    name = min(fallen)
    status = json.loads(sdme("status", root, "--json").stdout)
    assert status["dropped"]["quality: voice_quiet"] == status["failed_gates"]["voice_quiet"] == len(fallen)
    assert f"below a gate of quality: voice_quiet {len(fallen)}" in sdme("status", root).stdout
    told = sdme("explain", root, name).stdout
    assert "fails voice_quiet of [quality]" in told
    votes = tmp_path / "votes.csv"
    ids = [row["utterance_id"] for path in root.glob("recordings/*/utterances.jsonl") for row in _rows(path)]
    votes.write_text("utterance_id,rater_id,label\n" + "".join(f"{i},r1,neutral\n" for i in ids), encoding="utf-8")
    imported = sdme("votes", "import", root, votes, "--json")
    assert json.loads(imported.stdout)["num_below_gates"] == len(fallen)
    released = json.loads(sdme("release", root, "1.0.0", "--splits", "train=.5,test=.5", "--json").stdout)
    assert released["manifest"]["excluded"] == {"gate": len(fallen)}


def test_a_gate_opened_again_gives_the_same_bytes(
    gated: tuple[Path, dict[str, set[str]], set[str]], finished: Path, tmp_path: Path
) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(gated[0], root)
    set_value(root, "quality.min_loudness_lufs", "-100.0")
    sdme("run", root)
    assert contents(root) == contents(finished)
