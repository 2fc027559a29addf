"""After a withdrawal machines propose anew who is one person, from those who are left."""

import shutil
from pathlib import Path

import pytest

from sdme_tools.backends.fetch import fetch_models
from sdme_tools.backends.weights import IDENTITY_MODELS
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.stages.speaker_links import link_speakers
from sdme_tools.withdrawal.plan import Wish
from sdme_tools.withdrawal.withdraw import plan_withdrawal, withdraw
from tests.unit.stages.speaker_corpus import make_speaker_corpus, open_sparing

SEATS = {"tuesday": ["p02"], "friday": ["p01"]}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_models(IDENTITY_MODELS)
    monkeypatch.setenv("SDME_CORPUS_KEY", "a key of tests")


def identity(corpus: Corpus) -> dict[str, bytes]:
    return {str(path.relative_to(corpus.root)): path.read_bytes() for path in corpus.layout.identity.rglob("*.jsonl")}


def test_links_are_those_of_a_corpus_that_never_had_them(tmp_path: Path) -> None:
    corpus = make_speaker_corpus(tmp_path / "corpus", SEATS)
    link_speakers(corpus, device="cpu")
    assert any(b"p02" in content for content in identity(corpus).values())
    plan = plan_withdrawal(corpus, Wish("p02"))
    assert plan.recordings == ("tuesday",) and plan.copies == ("tuesday.mp4",)
    assert plan.uncertain == ("monday",), "the face there is his, and nobody said so"
    report = withdraw(corpus, plan)
    assert report.remarks == ()
    left = {path.name for path in corpus.root.rglob("*") if "tuesday" in path.name}
    assert left == set()
    other = make_speaker_corpus(tmp_path / "other", SEATS)
    for path in other.root.glob("tuesday.mp4"):
        path.unlink()

    shutil.rmtree(other.layout.recording_dir("tuesday"))
    people = other.layout.participants
    people.write_text(people.read_text().replace("p02,public\n", ""))
    link_speakers(open_sparing(other.root), device="cpu")
    assert identity(corpus) == identity(other) and len(identity(corpus)) == 3
