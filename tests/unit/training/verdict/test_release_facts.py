"""What is read of a release's tables: votes, raters, attributes, and how it was recorded."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sdme_tools.errors import TrainingError
from sdme_tools.training.verdict.release_facts import people_relevance, read_facts

from .evidence_made import make_table

TABLE = make_table(num_speakers=3)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release of the first four utterances, turned around, with votes of two raters."""
    manifest = {
        "name": "study",
        "version": "1.0.0",
        "scope": "public",
        "labels": ["calm", "upset"],
        "group_by": ["participant"],
        "seed": 0,
        "splits": {},
        "num_seen": 4,
        "excluded": {},
        "files": [],
        "made_by": "test",
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    rows = {
        "utterance_id": ["u003", "u002", "u001", "u000"],
        "speaker_id": ["p0"] * 4,
        "speaker_age_group": ["old", None, "old", "young"],
        "votes_calm": [0, 1, 2, 0],
        "votes_upset": [2, 1, 0, 0],
        "votes_cannot_tell": [5, 0, 0, 2],
        "voice_snr_db": [30.0, 20.0, None, 10.0],
        "voice_loudness_lufs": [-20.0, -20.0, -20.0, -25.0],
        "voice_bandwidth_hz": [3, 2, None, 0],
        "face_median_yaw_deg": [3.0, 2.0, 1.0, 0.0],
        "text": ["no", "yes", "no", "yes"],
    }
    votes = {
        "utterance_id": ["u001", "u001", "u001", "u001", "u999"],
        "rater_id": ["r1", "r2", "r1", "r2", "r1"],
        "condition": ["full", "full", "video", "video", "full"],
        "role": ["regular", "gold", "regular", "regular", "regular"],
        "adjudicates": pa.array([None] * 5, pa.string()),
        "label": ["upset", "calm", "upset", "calm", "calm"],
    }
    for folder, columns in (("tabular", rows), ("annotations", votes)):
        (tmp_path / folder).mkdir()
        pq.write_table(pa.table(columns), tmp_path / folder / "train-00000-of-00001.parquet")
    return tmp_path


def test_facts_follow_the_utterances_of_the_table(release: Path) -> None:
    facts = read_facts(release, TABLE)
    assert facts.vote_shares is not None
    assert facts.vote_shares[1:4].tolist() == [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    assert np.isnan(facts.vote_shares[[0, 4]]).all()
    assert facts.attributes["age_group"][:5] == ["young", "old", None, "old", None]
    assert facts.background["voice_bandwidth_hz"][[0, 2, 3]].tolist() == [0.0, 2.0, 3.0]


def test_background_leaves_out_what_people_express_themselves_by(release: Path) -> None:
    background = read_facts(release, TABLE).background
    assert set(background) == {"voice_bandwidth_hz", "noise of the room"}
    assert background["noise of the room"][[0, 2, 3]].tolist() == [-35.0, -40.0, -50.0]


def test_only_regular_votes_on_utterances_of_the_table_count(release: Path) -> None:
    found = [(b.row, b.rater_id, b.condition, b.label) for b in read_facts(release, TABLE).ballots]
    assert found == [(1, "r1", "full", 1), (1, "r1", "video", 1), (1, "r2", "video", 0)]


def test_relevance_is_the_share_that_agrees_with_the_label(release: Path) -> None:
    people = people_relevance(TABLE, read_facts(release, TABLE))
    assert people[1, TABLE.modalities.index("face")] == 0.5
    assert np.isnan(people).sum() == people.size - 1


def test_features_of_another_release_are_refused(release: Path) -> None:
    foreign = replace(TABLE, utterance_ids=[f"x{row}" for row in range(len(TABLE))])
    with pytest.raises(TrainingError, match="no utterance of the feature table is in the release"):
        read_facts(release, foreign)
