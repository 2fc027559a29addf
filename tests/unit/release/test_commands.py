"""`sdme votes import` and `sdme release` as a user types them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from sdme_tools.cli.main import main
from sdme_tools.corpus.corpus import Corpus
from tests.unit.release.tiny_corpus import make_corpus, utterance_ids, vote


class Done(NamedTuple):
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def sdme(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    def type_command(*words: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["sdme", *(str(word) for word in words)])
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return Done(int(str(code)), printed.out, printed.err)

    return type_command


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return make_corpus(tmp_path / "corpus")


def test_votes_are_imported_and_counted(sdme: Callable[..., Done], corpus: Corpus, tmp_path: Path) -> None:
    file = tmp_path / "votes.csv"
    first, second = utterance_ids(corpus)[:2]
    file.write_text(f"utterance_id;rater_id;label\n{first};r1;sadness\n{second};r1;cannot tell\n", encoding="utf-8-sig")
    done = sdme("votes", "import", corpus.root, file, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["num_votes"], report["num_labelled"], report["outcomes"]["cannot_tell"]) == (2, 1, 1)
    again = sdme("votes", "import", corpus.root, file)
    assert "nothing new" in again.stderr
    assert "sadness" in again.stdout


def test_mistakes_end_in_words(sdme: Callable[..., Done], corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text("utterance_id,rater_id,label\nnowhere,r1,sadness\n")
    for words in (
        ("votes", "import", corpus.root, tmp_path / "votes.csv"),
        ("votes", "import", corpus.root, tmp_path / "none.csv"),
        ("votes", "import", tmp_path / "no_corpus", tmp_path / "votes.csv"),
        ("release", corpus.root, "one"),
        ("release", corpus.root, "1.0.0"),
        ("release", corpus.root, "1.0.0", "--splits", "dev=1"),
        ("release", corpus.root, "1.0.0", "--group-by", "room"),
    ):
        done = sdme(*words)
        assert done.returncode == 1, words
        assert done.stderr.startswith("error: ")
        assert "cure: " in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
    assert sdme("release", corpus.root, "1.0.0", "--splits", "train").returncode == 2


def test_a_release_is_made_and_shown(sdme: Callable[..., Done], corpus: Corpus, tmp_path: Path) -> None:
    vote(corpus, tmp_path / "votes.csv")
    done = sdme("release", corpus.root, "1.0.0")
    assert done.returncode == 0, done.stderr
    assert "validation" in done.stdout
    assert str(corpus.layout.release_dir("1.0.0")) in done.stderr
    as_json = sdme("release", corpus.root, "2.0.0", "--group-by", "participant", "--seed", "7", "--clips", "--json")
    manifest = json.loads(as_json.stdout)["manifest"]
    assert (manifest["group_by"], manifest["seed"], manifest["num_seen"]) == (["participant"], 7, 24)
