"""What changes decides what runs again, and nothing else does."""

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import run_states, sdme, set_value

FRESH, DONE = {"fresh"}, {"done"}


@pytest.fixture
def corpus(finished: Path, tmp_path: Path) -> Path:
    root = tmp_path / "corpus"
    shutil.copytree(finished, root)
    return root


def test_a_segmentation_setting_reruns_what_depends_on_it(corpus: Path) -> None:
    set_value(corpus, "segment.padding_ms", "100")
    states = run_states(corpus)
    assert states == {
        "segment": DONE,
        "faces": FRESH,
        "speaking": DONE,
        "bind": DONE,
        "transcribe": DONE,
        "quality": DONE,
        "clips": DONE,
    }


def test_the_same_segmentation_again_reruns_nothing_after_it(corpus: Path) -> None:
    set_value(corpus, "segment.max_utterance_ms", "14999")
    states = run_states(corpus)
    assert states == {
        "segment": DONE,
        "faces": FRESH,
        "speaking": FRESH,
        "bind": FRESH,
        "transcribe": FRESH,
        "quality": FRESH,
        "clips": FRESH,
    }


def test_another_recogniser_reruns_transcription_alone(corpus: Path, short_raw: Path) -> None:
    for truth in short_raw.glob("*.truth.json"):
        turns = json.loads(truth.read_text(encoding="utf-8"))["turns"]
        cues = [{"start_ms": t["start_ms"], "end_ms": t["end_ms"], "text": t["text"]} for t in turns]
        (short_raw / truth.name.replace(".truth.json", ".json")).write_text(json.dumps(cues), encoding="utf-8")
    path = corpus / "corpus.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('backend = "whisper"', 'backend = "sidecar"'), encoding="utf-8"
    )
    states = run_states(corpus)
    assert states == {
        "segment": FRESH,
        "faces": FRESH,
        "speaking": FRESH,
        "bind": FRESH,
        "transcribe": DONE,
        "quality": FRESH,
        "clips": FRESH,
    }


def test_a_setting_that_changes_the_speed_only_reruns_nothing(corpus: Path) -> None:
    set_value(corpus, "transcribe.batch_size", "3")
    assert set().union(*run_states(corpus).values()) == FRESH


def test_face_measures_that_vanished_are_made_again(corpus: Path) -> None:
    measures = next((corpus / "recordings").rglob("face_measures.npz"))
    before = measures.read_bytes()
    measures.unlink()
    assert run_states(corpus)["faces"] == {"fresh", "done"}
    assert measures.read_bytes() == before


def test_media_that_vanished_is_made_again(corpus: Path) -> None:
    voice = next((corpus / "recordings").rglob("voice.flac"))
    voice.unlink()
    assert run_states(corpus)["clips"] == {"fresh", "done"}
    assert voice.is_file()


def test_old_media_goes_when_its_utterance_does(corpus: Path) -> None:
    set_value(corpus, "segment.padding_ms", "50")
    sdme("run", corpus)
    for recording in (corpus / "recordings").iterdir():
        rows = [json.loads(line) for line in (recording / "utterances.jsonl").read_text(encoding="utf-8").splitlines()]
        assert sorted(p.name for p in (recording / "media").iterdir()) == sorted(row["utterance_id"] for row in rows)


def test_a_stage_alone_runs_on_what_is_there_and_says_what_is_missing(corpus: Path) -> None:
    set_value(corpus, "segment.padding_ms", "120")
    states = run_states(corpus, "--stage", "speaking", check=False)
    assert states == {"speaking": {"blocked"}}
    assert run_states(corpus, "--stage", "segment", "--stage", "speaking") == {"segment": DONE, "speaking": DONE}


def test_a_threshold_of_binding_scores_no_face_again(corpus: Path) -> None:
    set_value(corpus, "bind.min_confidence", "0.99")
    states = run_states(corpus)
    assert states["bind"] == DONE
    assert states["segment"] == states["faces"] == states["speaking"] == states["transcribe"] == FRESH


def test_a_half_renewed_corpus_is_not_released(corpus: Path) -> None:
    set_value(corpus, "segment.padding_ms", "90")
    sdme("run", corpus, "--stage", "segment")
    refused = sdme("release", corpus, "1.0.0", check=False)
    assert refused.returncode == 1 and "half renewed" in refused.stderr and "sdme run" in refused.stderr
    assert not (corpus / "releases").exists() or not list((corpus / "releases").iterdir())
