"""People whom people recognised: who goes out by their participant's consent, and stays in one split."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.lineage import explain_utterance
from sdme_tools.corpus.table import write_record, write_table
from sdme_tools.records.face import Binding
from sdme_tools.release.build import Release, build_release
from sdme_tools.stages.speakers import merge_speakers
from sdme_tools.stages.status import summarise_corpus
from tests.factories import make_track
from tests.unit.release.tiny_corpus import make_corpus, vote


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """At lunch nobody is listed: two faces, whose voices are bound to them."""
    corpus = make_corpus(tmp_path / "corpus", consent={"bob": "none"})
    vote(corpus, tmp_path / "votes.csv")
    lunch = corpus.recording("lunch").model_copy(update={"participants": ()})
    write_record(corpus.layout.recording("lunch"), lunch)
    bindings = [row.model_copy(update={"speaker_id": None}) for row in corpus.read("lunch", Binding)]
    write_table(corpus.layout.table("lunch", "bindings"), bindings)
    tracks = [
        make_track(lunch, [(100 * place, 0, 50, 50)] * 80).model_copy(update={"track_id": f"lunch_t{place}"})
        for place in range(2)
    ]
    write_table(corpus.layout.table("lunch", "face_tracks"), tracks)
    return corpus


def speakers_at(built: Release, recording_id: str) -> dict[str, str]:
    rows = [row for path in sorted((built.folder / "data").iterdir()) for row in pq.read_table(path).to_pylist()]
    return {row["utterance_id"]: row["speaker_id"] for row in rows if row["recording_id"] == recording_id}


def release(corpus: Corpus, version: str = "1.0.0") -> Release:
    by_participant = {"group_by": ("participant",), "splits": {"train": 0.5, "validation": 0.25, "test": 0.25}}
    return build_release(corpus, version, by_participant)


def test_a_face_without_a_participant_stays_at_home(corpus: Corpus) -> None:
    built = release(corpus)
    assert speakers_at(built, "lunch") == {}
    assert built.manifest.excluded["unknown_speaker"] == 8


def test_a_recognised_participant_goes_out_by_their_own_consent(corpus: Corpus) -> None:
    merge_speakers(corpus, "lunch_t0", "ann")
    merge_speakers(corpus, "lunch_t1", "bob")
    built = release(corpus)
    assert set(speakers_at(built, "lunch").values()) == {"ann"}
    # The first turn is bound to no face, and stays nobody's.
    assert built.manifest.excluded == {"unknown_speaker": 1, "no_consent": 8}


def test_who_is_recognised_is_in_one_split(corpus: Corpus) -> None:
    merge_speakers(corpus, "lunch_t0", "ann")
    built = release(corpus)
    rows = [row for path in (built.folder / "data").iterdir() for row in pq.read_table(path).to_pylist()]
    of_ann = [(row["recording_id"], row["split"]) for row in rows if row["speaker_id"] == "ann"]
    assert {recording_id for recording_id, _ in of_ann} == {"dinner", "lunch"}
    assert len({split for _, split in of_ann}) == 1


def test_clips_of_a_recording_that_lists_nobody_stay_at_home(corpus: Corpus) -> None:
    merge_speakers(corpus, "lunch_t0", "ann")
    overrides = {"clips": True, "group_by": ("participant",), "splits": {"train": 1.0}}
    excluded = build_release(corpus, "1.0.0", overrides).exclusions
    why = {row.detail for row in excluded if row.utterance_id.startswith("lunch") and row.reason == "others_no_consent"}
    assert why == {"recordings.csv lists nobody: who else is in the clip is not known"}


def test_status_and_explain_know_them(corpus: Corpus) -> None:
    utterance_id = "lunch_2000_2800"
    assert explain_utterance(corpus, utterance_id).speaker_id == "lunch_t0"
    before = summarise_corpus(corpus).utterances_by_speaker
    merge_speakers(corpus, "lunch_t0", "ann")
    assert explain_utterance(corpus, utterance_id).speaker_id == "ann"
    after = summarise_corpus(corpus)
    assert after.utterances_by_speaker["ann"] == before["ann"] + 3
    (lunch,) = [r for r in after.recordings if r.recording_id == "lunch"]
    assert list(lunch.participants) == ["ann"]
