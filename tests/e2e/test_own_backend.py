"""A backend of one's own, named as module:Class in corpus.toml, without any packaging."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BACKEND = """
from sdme_tools.records.base import Source
from sdme_tools.records.utterance import Transcript

class Counting:
    def __init__(self, settings, device):
        self.forgets = bool(settings.options.get("forgets"))
    def identify(self):
        return Source(backend="counting", version="1")
    def identify_for(self, recording):
        return self.identify()
    def transcribe(self, requests):
        rows = [Transcript(utterance_id=r.utterance_id, text=f"{len(r.voice)} values", source=self.identify())
                for r in requests]
        return rows[1:] if self.forgets else rows
"""


@pytest.mark.parametrize("forgets", [False, True])
def test_it_runs_like_a_built_in_one_and_must_answer_for_every_utterance(
    finished: Path, tmp_path: Path, forgets: bool
) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(finished, root)
    (tmp_path / "own.py").write_text(BACKEND, encoding="utf-8")
    toml = root / "corpus.toml"
    before, after = toml.read_text(encoding="utf-8").split("[transcribe]")
    after = after.replace('backend = "whisper"', 'backend = "own:Counting"')
    after = after.replace("options = {}", f"options = {{ forgets = {str(forgets).lower()} }}", 1)
    toml.write_text(f"{before}[transcribe]{after}", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "sdme_tools.cli.main", "run", str(root)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    transcripts = (root / "recordings/dinner_1/transcripts.jsonl").read_text(encoding="utf-8")
    if forgets:
        assert done.returncode == 1 and "expected one row for each" in done.stderr and "[transcribe]" in done.stderr
        assert transcripts == (finished / "recordings/dinner_1/transcripts.jsonl").read_text(encoding="utf-8")
    else:
        assert done.returncode == 0, done.stderr
        assert " values" in transcripts and '"backend":"counting"' in transcripts
