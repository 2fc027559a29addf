"""The corpus folder: making, opening, its sheets, its lock."""

import subprocess
import sys
from pathlib import Path

import pytest

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.errors import ConfigError, CorpusError
from sdme_tools.records.recording import Consent


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus.create(tmp_path / "my corpus é")


def test_a_new_corpus_opens_with_the_defaults(corpus: Corpus) -> None:
    opened = Corpus.open(corpus.root)
    assert opened.config == corpus.config
    assert opened.config.corpus.labels[0] == "neutral" and opened.config.corpus.cannot_tell == "cannot tell"
    assert opened.participants() == {} and opened.seats() == [] and opened.recordings() == []


def test_a_second_corpus_in_the_same_folder_is_refused(corpus: Corpus) -> None:
    with pytest.raises(CorpusError, match="already"):
        Corpus.create(corpus.root)


def test_no_corpus_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="sdme init"):
        Corpus.open(tmp_path / "nowhere")


def test_unknown_keys_and_wrong_types_are_listed_together(corpus: Corpus) -> None:
    text = corpus.layout.config.read_text().replace("\nthreshold = ", '\nthreshold = "high"\ntreshold = ')
    corpus.layout.config.write_text(text + "\n[segmant]\n")
    with pytest.raises(ConfigError) as caught:
        Corpus.open(corpus.root)
    message = str(caught.value)
    assert "segment.threshold" in message and "segment.treshold" in message and "segmant" in message


def test_broken_toml_is_told_with_its_place(corpus: Corpus) -> None:
    corpus.layout.config.write_text("[corpus\n")
    with pytest.raises(ConfigError, match="line 1"):
        Corpus.open(corpus.root)


def test_participants_carry_consent_and_attributes(corpus: Corpus) -> None:
    corpus.layout.participants.write_text(
        "\ufeffparticipant_id,consent,age_group\np1,public,30-39\np2,,\n", encoding="utf-8"
    )
    people = corpus.participants()
    assert people["p1"].consent is Consent.PUBLIC and people["p1"].attributes == {"age_group": "30-39"}
    assert people["p2"].consent is Consent.NONE and people["p2"].attributes == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("participant,consent\np1,public\n", "'participant_id' is missing"),
        ("participant_id,consent\np1,yes\np 2,public\n", "line 3"),
        ("participant_id,consent\np1,public\np1,none\n", "listed twice"),
        ("participant_id,consent\np1,public,extra\n", "more cells"),
        ("participant_id;consent\np1;public\n", "separate cells by commas"),
    ],
)
def test_mistakes_in_participants_are_named(corpus: Corpus, text: str, expected: str) -> None:
    corpus.layout.participants.write_text(text)
    with pytest.raises(ConfigError) as caught:
        corpus.participants()
    assert expected in str(caught.value)


def test_mistakes_in_recordings_are_named(corpus: Corpus) -> None:
    corpus.layout.participants.write_text("participant_id,consent\np1,public\n")
    corpus.layout.seats.write_text("file,participant_id,seat,channel\na.mp4,p1,left,\na.mp4,p9,right,\n")
    with pytest.raises(ConfigError, match="line 3: participant 'p9'"):
        corpus.seats()
    corpus.layout.seats.write_text("file,participant_id,seat,channel\na.mp4,p1,left,x\n")
    with pytest.raises(ConfigError, match="line 2: channel"):
        corpus.seats()
    corpus.layout.seats.write_text("file,person\na.mp4,p1\n")
    with pytest.raises(ConfigError, match="'person' is unknown"):
        corpus.seats()
    corpus.layout.seats.write_bytes("file\nä.mp4\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8"):
        corpus.seats()


def test_a_second_writer_is_told_and_the_lock_dies_with_its_process(corpus: Corpus) -> None:
    code = (
        "import sys, pathlib; from sdme_tools.corpus.corpus import Corpus\n"
        "with Corpus.open(pathlib.Path(sys.argv[1])).hold():\n    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(corpus.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "held\n"
        with pytest.raises(CorpusError, match=f"process {other.pid}"), corpus.hold():
            pass
        other.kill()
    with corpus.hold():
        pass
