"""`sdme train` as a user types it: from a release folder to figures, checkpoint and relevance."""

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sdme_tools.cli.main import main
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.release.build import build_release
from tests.unit.release.tiny_corpus import LABELS, make_corpus, vote
from tests.unit.training_features.damage import damage_media


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    corpus = make_corpus(tmp_path / "corpus")
    vote(corpus, tmp_path / "votes.csv")
    return corpus


def sdme(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["sdme", *(str(word) for word in words)])
    try:
        main()
    except SystemExit as end:
        return int(str(end.code))
    return 0


@pytest.mark.parametrize("model", ["relevance", "concat"])
def test_a_network_is_trained_and_its_figures_lie_in_the_corpus(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    release = build_release(corpus, "1.0.0").folder
    options = ("--model", model, "--epochs", "7", "--device", "cpu", "--json")
    assert sdme(monkeypatch, "train", release, *options) == 0
    printed = json.loads(capsys.readouterr().out)
    folder = corpus.root / "runs" / f"1.0.0-{model}-0"
    assert Path(printed["folder"]) == folder
    assert 0 <= printed["report"]["metrics"]["ua"]["value"] <= 1
    assert {path.name for path in folder.iterdir()} >= {
        "checkpoint.safetensors",
        "metrics.json",
        "confusion.csv",
        "relevance.parquet",
    }
    predictions = pq.read_table(folder / "relevance.parquet").to_pylist()
    assert len(predictions) == 24
    assert {row["label"] for row in predictions} == set(LABELS)


def test_a_split_that_is_missing_is_told(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    release = build_release(corpus, "1.0.0", {"splits": {"train": 0.7, "test": 0.3}}).folder
    assert sdme(monkeypatch, "train", release) == 1
    assert "split validation: got no labelled utterance" in capsys.readouterr().err


def test_a_folder_that_is_no_release_is_told(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sdme(monkeypatch, "train", corpus.root) == 1
    printed = capsys.readouterr()
    assert "no release here" in printed.err
    assert "cure: " in printed.err
    assert printed.out == ""


def test_features_are_made_by_name_and_trained_on(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    release = build_release(corpus, "1.0.0").folder
    names = ("--voice", "functionals", "--face", "random_cnn", "--text", "none")
    assert sdme(monkeypatch, "features", "make", release, *names, "--device", "cpu", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert Path(made["path"]).parent == release.with_name("1.0.0.features")
    assert list(made["metadata"]["feature_dims"]) == ["voice", "face"]
    quick = ("--model", "concat", "--epochs", "2", "--device", "cpu", "--json")
    assert sdme(monkeypatch, "train", release, "--features", made["path"], *quick) == 0
    capsys.readouterr()
    other = build_release(corpus, "1.0.1", {"seed": 4}).folder
    assert sdme(monkeypatch, "train", other, "--features", made["path"], *quick) == 1
    assert "is of corpus 1.0.0" in capsys.readouterr().err
    assert sdme(monkeypatch, "features", "make", release, "--voice", "wavlm") == 1
    assert "neither an encoder nor a folder" in capsys.readouterr().err


def test_a_file_that_cannot_be_decoded_ends_in_a_list_and_exit_1(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    release = build_release(corpus, "1.0.0").folder
    damage_media(release, "dinner_1000_1800", "voice")
    for _ in range(2):
        assert sdme(monkeypatch, "features", "make", release, "--face", "none") == 1
        assert "dinner_1000_1800 voice: its sound cannot be decoded" in capsys.readouterr().err
