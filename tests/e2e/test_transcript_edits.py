"""What people corrected survives `sdme run`, whatever makes the machine's text anew."""

import csv
import io
import json
import shutil
from pathlib import Path

from tests.e2e.conftest import contents, run_states, sdme, set_value


def correct(file: Path, utterance_id: str, text: str) -> None:
    rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline="")))
    next(row for row in rows if row["utterance_id"] == utterance_id)["text"] = text
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_an_edit_makes_nothing_stale_and_survives_a_rerun(finished: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(finished, root)
    sdme("transcripts", "export", root, "--out", tmp_path / "out")
    first = json.loads((root / "recordings/dinner_1/transcripts.jsonl").read_text(encoding="utf-8").splitlines()[0])
    correct(tmp_path / "out" / "transcripts.csv", first["utterance_id"], "What a person heard.")
    sdme("transcripts", "import", root, tmp_path / "out" / "transcripts.csv", "--editor", "e01")
    table = root / "recordings/dinner_1/transcript_edits.jsonl"
    written, before = table.read_bytes(), contents(root)
    assert {state for states in run_states(root).values() for state in states} == {"fresh"}
    assert contents(root) == before
    set_value(root, "transcribe.language", '"en"')  # the words are made anew
    assert run_states(root)["transcribe"] == {"done"}
    assert table.read_bytes() == written
    shown = sdme("explain", root, first["utterance_id"]).stdout
    assert "What a person heard. (written by e01)" in shown and f"the machine's: {first['text'][:10]}" in shown
