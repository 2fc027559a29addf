"""The same person in several recordings: proposed by machines, decided by people, never against what is known."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from sdme_tools.backends.fetch import fetch_models
from sdme_tools.backends.weights import IDENTITY_MODELS
from sdme_tools.cli.main import cli
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.identity import SpeakerBook
from sdme_tools.errors import BackendError, ConfigError, CorpusError
from sdme_tools.records.identity import LinkFinding
from sdme_tools.stages.speaker_links import LinkReport, link_speakers
from sdme_tools.stages.speaker_sheet import draw_sheet
from sdme_tools.stages.speakers import confirm_likely, confirm_link, list_speakers, merge_speakers, split_speakers
from tests.factories import ingest
from tests.unit.stages.speaker_corpus import (
    BOXES,
    PLAN,
    add_recording,
    film,
    make_speaker_corpus,
    open_sparing,
    portrait,
)

ASTRONAUT = ("friday_f1", "monday_f1")
ADMIRAL = ("monday_f2", "tuesday_f1")


@pytest.fixture(scope="module", autouse=True)
def _model_files() -> None:
    fetch_models(IDENTITY_MODELS)


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus, linked once; do not write to it."""
    corpus = make_speaker_corpus(tmp_path_factory.mktemp("looked_at") / "corpus")
    link(corpus)
    return corpus.root


@pytest.fixture
def corpus(looked_at: Path, tmp_path: Path) -> Corpus:
    """A corpus whose people were embedded before, and of whom nothing else is written down."""
    copied = shutil.copytree(looked_at, tmp_path / "corpus")
    corpus = open_sparing(copied)
    corpus.layout.speakers.unlink()
    corpus.layout.speaker_links.unlink()
    return corpus


def link(corpus: Corpus) -> LinkReport:
    return link_speakers(corpus, device="cpu")


def proposed(report: LinkReport) -> set[tuple[str, str]]:
    return {(row.speaker_a, row.speaker_b) for row in report.links if row.finding is LinkFinding.PROPOSED}


def contents(corpus: Corpus) -> dict[str, bytes]:
    folder = corpus.layout.identity
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_people_met_again_are_proposed_and_nobody_else(tmp_path: Path) -> None:
    report = link(make_speaker_corpus(tmp_path / "corpus"))
    assert proposed(report) == {ASTRONAUT, ADMIRAL}
    assert all(row.confidence > 0.9 and len(row.sources) == 2 for row in report.links)
    assert (report.num_pairs, report.num_recordings, report.num_embedded, report.skipped) == (6, 3, 3, {})
    assert [row.voice_ms for row in report.speakers] == [0] * 4  # silence is nobody's voice


def test_a_second_run_looks_at_nothing_again_and_writes_the_same_bytes(corpus: Corpus) -> None:
    link(corpus)
    before = contents(corpus)
    report = link(corpus)
    assert report.num_embedded == 0
    assert contents(corpus) == before
    damaged = corpus.layout.likeness("monday")
    damaged.write_bytes(os.urandom(damaged.stat().st_size))
    assert link(corpus).num_embedded == 1
    assert contents(corpus) == before


def test_confirmed_proposals_are_one_speaker_and_stay_so_through_another_link(corpus: Corpus) -> None:
    link(corpus)
    assert confirm_link(corpus, *ASTRONAUT) == "friday_f1"
    assert proposed(link(corpus)) == {ADMIRAL}
    everybody = {s.speaker_id: s.recording_ids for s in list_speakers(corpus).speakers}
    assert everybody == {"friday_f1": ("friday", "monday"), "monday_f2": ("monday",), "tuesday_f1": ("tuesday",)}
    with pytest.raises(ConfigError, match="not among the open proposals"):
        confirm_link(corpus, *ASTRONAUT)


def test_what_was_split_is_not_proposed_again(corpus: Corpus) -> None:
    link(corpus)
    split_speakers(corpus, *ASTRONAUT)
    report = link(corpus)
    assert proposed(report) == {ADMIRAL}
    assert report.num_impossible == 1
    assert {(row.speaker_a, row.speaker_b) for row in list_speakers(corpus).open_links} == {ADMIRAL}


def test_a_later_decision_on_the_same_two_takes_the_place_of_the_earlier(corpus: Corpus) -> None:
    merge_speakers(corpus, *ASTRONAUT)
    split_speakers(corpus, *reversed(ASTRONAUT))
    merge_speakers(corpus, *ASTRONAUT)
    assert list_speakers(corpus).num_decisions == 1


def test_many_are_confirmed_at_once_by_confidence(corpus: Corpus) -> None:
    link(corpus)
    assert confirm_likely(corpus, 0.999).links == ()
    assert len(confirm_likely(corpus, 0.9).links) == 2
    assert list_speakers(corpus).open_links == ()


def test_a_face_that_is_merged_with_a_participant_is_that_participant(corpus: Corpus) -> None:
    merge_speakers(corpus, "monday_f1", "p01")
    merge_speakers(corpus, *ASTRONAUT)
    spoken = SpeakerBook(corpus).recognise(["friday", "monday", "tuesday"])
    assert spoken == {"friday_0_800": "p01", "monday_0_800": "p01"}


def test_two_participants_are_never_one_person(tmp_path: Path) -> None:
    corpus = make_speaker_corpus(tmp_path / "corpus", {"monday": ["p01", "p02"], "friday": ["p03"]})
    report = link(corpus)
    assert {row.finding for row in report.links if row.speaker_a == "p01"} == {LinkFinding.TWO_PARTICIPANTS}
    assert proposed(report) == {("p02", "tuesday_f1")}
    with pytest.raises(ConfigError, match="p01 and p03 cannot be one person"):
        merge_speakers(corpus, "p01", "p03")
    merge_speakers(corpus, "p02", "tuesday_f1")
    with pytest.raises(ConfigError, match="tuesday_f1 is p02"):
        merge_speakers(corpus, "tuesday_f1", "p03")


def test_the_same_participant_is_one_speaker_without_any_decision(tmp_path: Path) -> None:
    corpus = make_speaker_corpus(tmp_path / "corpus", {"monday": ["p01", "p02"], "friday": ["p01"]})
    (p01,) = [s for s in list_speakers(corpus).speakers if s.speaker_id == "p01"]
    assert p01.recording_ids == ("friday", "monday")
    assert "p01" not in {name for row in link(corpus).links for name in (row.speaker_a, row.speaker_b)}


def test_people_seen_at_the_same_time_are_two_directly_and_through_others(corpus: Corpus) -> None:
    with pytest.raises(ConfigError, match="seen at the same time"):
        merge_speakers(corpus, "monday_f1", "monday_f2")
    merge_speakers(corpus, *ASTRONAUT)
    with pytest.raises(ConfigError, match="monday_f1 and monday_f2 are seen at the same time"):
        merge_speakers(corpus, "friday_f1", "monday_f2")


def test_a_chain_cannot_be_contradicted_at_its_ends(corpus: Corpus) -> None:
    split_speakers(corpus, "friday_f1", "tuesday_f1")
    merge_speakers(corpus, "p01", "friday_f1")
    with pytest.raises(ConfigError, match="decided to be different"):
        merge_speakers(corpus, "tuesday_f1", "p01")
    merge_speakers(corpus, "monday_f1", "friday_f1")
    with pytest.raises(ConfigError, match="monday_f1 = friday_f1 = p01"):
        split_speakers(corpus, "monday_f1", "p01")


def test_a_participant_whom_recordings_csv_does_not_list_there_is_refused(tmp_path: Path) -> None:
    corpus = make_speaker_corpus(tmp_path / "corpus", {"monday": ["p01", None]})
    with pytest.raises(ConfigError, match=r"lists p01 for monday, and not p04"):
        merge_speakers(corpus, "monday_f2", "p04")


def test_an_unknown_speaker_is_named_with_its_neighbours(corpus: Corpus) -> None:
    with pytest.raises(ConfigError, match="no speaker monday_f7") as error:
        merge_speakers(corpus, "monday_f7", "friday_f1")
    assert "monday_f1" in str(error.value)
    with pytest.raises(ConfigError, match="two different ids"):
        split_speakers(corpus, "friday_f1", "friday_f1")


def test_a_decision_stays_with_the_face_when_another_run_numbers_faces_otherwise(corpus: Corpus) -> None:
    merge_speakers(corpus, "monday_f2", "p02")
    monday = corpus.recording("monday")
    add_recording(corpus, monday, PLAN["monday"], [None, None], first_number=5)
    assert SpeakerBook(corpus).recognise(["monday"]) == {"monday_900_1700": "p02"}
    add_recording(corpus, monday, PLAN["monday"][:1], [None])
    assert SpeakerBook(corpus).recognise(["monday"]) == {}
    assert list_speakers(corpus).num_lost_decisions == 1


def test_seats_that_are_filled_in_later_overrule_decisions(corpus: Corpus) -> None:
    merge_speakers(corpus, *ASTRONAUT)
    merge_speakers(corpus, "friday_f1", "p01")
    add_recording(corpus, corpus.recording("monday"), PLAN["monday"], ["p03", "p04"])
    found = list_speakers(corpus)
    assert SpeakerBook(corpus).recognise(["monday"]) == {"monday_0_800": "p03", "monday_900_1700": "p04"}
    assert found.num_lost_decisions == 1


def test_the_sheet_shows_both_faces_of_each_open_proposal(corpus: Corpus) -> None:
    assert draw_sheet(corpus) == []
    link(corpus)
    (page,) = draw_sheet(corpus)
    drawn = cv2.imread(str(page))[:, :, ::-1]
    x, y, width, height = BOXES["astronaut"]
    face = portrait("astronaut")[y : y + height, x : x + width]
    small = cv2.resize(np.ascontiguousarray(face), (75, 75), interpolation=cv2.INTER_AREA)
    matches = cv2.matchTemplate(np.ascontiguousarray(drawn), small, cv2.TM_CCOEFF_NORMED)
    columns = {int(column) // 120 for column in np.nonzero(matches > 0.9)[1]}
    assert len(columns) == 8  # four places on either side
    confirm_likely(corpus, 0.5)
    assert draw_sheet(corpus) == []
    assert not page.exists()


def test_one_recording_alone_is_no_error(tmp_path: Path) -> None:
    corpus = Corpus.create(tmp_path / "corpus")
    assert link(corpus).num_pairs == 0
    add_recording(corpus, ingest(film(tmp_path / "only.mp4", ["admiral"], light=1)), ["admiral"], [None])
    report = link(corpus)
    assert (report.num_pairs, report.links, len(report.speakers)) == (0, (), 1)


def test_a_recording_that_cannot_be_read_does_not_stop_the_rest(corpus: Corpus) -> None:
    corpus.source_path(corpus.recording("tuesday")).unlink()
    corpus.layout.likeness("tuesday").unlink()
    corpus.layout.receipt("friday", "bind").unlink()
    report = link(corpus)
    assert report.skipped.keys() == {"tuesday", "friday"}
    assert "is gone" in report.skipped["tuesday"]
    assert report.skipped["friday"] == "bind has not run"
    assert report.num_recordings == 1


def test_missing_models_name_the_command(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDME_MODELS_DIR", str(tmp_path / "none"))
    with pytest.raises(BackendError, match="is missing") as error:
        link(corpus)
    assert "sdme models fetch identity" in str(error.value)
    assert not corpus.layout.speaker_links.exists()


def test_without_dlib_the_error_names_the_extra(corpus: Corpus) -> None:
    hide = (
        "import importlib.metadata as m, sys\n"
        "real = m.version\n"
        "def version(name):\n"
        "    if name.startswith('dlib'): raise m.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "m.version = version; sys.modules['dlib'] = None\n"
        "from sdme_tools.cli.main import main\n"
        f"sys.argv = ['sdme', 'speakers', 'link', {str(corpus.root)!r}]\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'sdme-tools[identity]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_damaged_decisions_are_named_line_by_line_and_left_alone(corpus: Corpus) -> None:
    merge_speakers(corpus, *ASTRONAUT)
    path = corpus.layout.speaker_decisions
    path.write_text(path.read_text() + '{"speaker_a": "x"}\nhalf a li')
    before = path.read_bytes()
    for act in (lambda: link(corpus), lambda: merge_speakers(corpus, *ADMIRAL), lambda: list_speakers(corpus)):
        with pytest.raises(CorpusError, match="line 3") as error:
            act()
        assert "people made them" in str(error.value)
    assert path.read_bytes() == before


def test_nobody_decides_while_another_process_holds_the_corpus(corpus: Corpus) -> None:
    with corpus.hold():
        for act in (lambda: link(corpus), lambda: split_speakers(corpus, *ASTRONAUT), lambda: draw_sheet(corpus)):
            with pytest.raises(CorpusError, match="another process writes this corpus"):
                act()


def test_half_renewed_stages_are_refused(corpus: Corpus) -> None:
    recording = corpus.recording("monday")
    path = corpus.layout.recording("monday")
    path.write_text(recording.model_copy(update={"session_id": "other"}).model_dump_json())
    with pytest.raises(CorpusError, match="half renewed"):
        link(corpus)


def test_list_speaks_json_and_explains_itself(corpus: Corpus) -> None:
    link(corpus)
    done = CliRunner().invoke(cli, ["speakers", "list", str(corpus.root), "--json"])
    listed = json.loads(done.stdout)
    assert {row["speaker_id"] for row in listed["speakers"]} == {*ASTRONAUT, *ADMIRAL}
    assert len(listed["open_links"]) == 2
    shown = CliRunner().invoke(cli, ["speakers", "list", str(corpus.root)]).stdout
    assert "monday_f2" in shown and "proposed" in shown


def test_a_broken_file_is_a_media_error_of_its_recording_only(corpus: Corpus) -> None:
    source = corpus.source_path(corpus.recording("tuesday"))
    source.write_bytes(source.read_bytes()[:500])
    corpus.layout.likeness("tuesday").unlink()
    report = link(corpus)
    assert list(report.skipped) == ["tuesday"]
    assert proposed(report) == {ASTRONAUT}
