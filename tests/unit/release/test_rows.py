"""The single join: who goes out, who stays, and why."""

from collections import Counter
from dataclasses import replace

import pytest

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.errors import ReleaseError
from sdme_tools.records.annotation import Condition, Consensus
from sdme_tools.records.config import ReleaseSection
from sdme_tools.records.face import Binding
from sdme_tools.records.quality import UtteranceQuality, VoiceQuality
from sdme_tools.records.recording import Consent
from sdme_tools.records.release import Exclusion, ReleaseRow
from sdme_tools.records.utterance import Clip, Transcript, Utterance
from sdme_tools.release.rows import REASONS, CorpusTables, join_rows
from tests.unit.release.tiny_corpus import LABELS, SOURCE, make_corpus, make_face_quality


def consensus(utterance_id: str, label: str | None, reason: str = "majority", num_raters: int = 3) -> Consensus:
    distribution = {name: num_raters if name == label else 0 for name in (*LABELS, "cannot tell")}
    return Consensus(
        utterance_id=utterance_id,
        condition=Condition.FULL,
        label=label,
        distribution=distribution,
        method="simple_majority",
        num_raters=num_raters,
        reason=reason,
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("rows") / "corpus", consent={"bob": "none", "cleo": "research"})


@pytest.fixture(scope="module")
def tables(corpus: Corpus) -> CorpusTables:
    ids = corpus.recording_ids()
    utterances = [row for name in ids for row in corpus.read(name, Utterance)]
    return CorpusTables(
        recordings=corpus.recordings(),
        participants=corpus.participants(),
        utterances=utterances,
        bindings=[row for name in ids for row in corpus.read(name, Binding)],
        transcripts=[row for name in ids for row in corpus.read(name, Transcript)],
        clips=[row for name in ids for row in corpus.read(name, Clip)],
        consensus=[consensus(row.utterance_id, "sadness") for row in utterances],
        qualities=[row for name in ids for row in corpus.read(name, UtteranceQuality)],
    )


def reasons(found: tuple[list[ReleaseRow], list[Exclusion]]) -> Counter[str]:
    return Counter(exclusion.reason for exclusion in found[1])


def reason_of(tables: CorpusTables, utterance_id: str, settings: ReleaseSection | None = None) -> str | None:
    _, exclusions = join_rows(tables, settings or ReleaseSection())
    return next((row.reason for row in exclusions if row.utterance_id == utterance_id), None)


def without(rows: object, utterance_id: str) -> list[object]:
    return [row for row in rows if row.utterance_id != utterance_id]  # type: ignore[attr-defined]


def test_a_row_has_everything(tables: CorpusTables, corpus: Corpus) -> None:
    rows, _ = join_rows(tables, ReleaseSection())
    row = next(row for row in rows if row.utterance_id == "tea_3000_3800")
    assert (row.speaker_id, row.session_id, row.label, row.language) == ("finn", "evening", "sadness", "fr")
    assert row.text == "turn 3, « ça va »!"
    assert row.votes == {"neutral": 0, "happiness": 0, "sadness": 3, "cannot tell": 0}
    assert row.clip_path is None
    assert (row.speech_ms, row.overlap_ms) == (800, 0)
    assert row.voice_quality is not None and row.voice_quality.snr_db == 23
    assert row.face_quality == make_face_quality(size_px=43)
    for path in (row.voice_path, row.face_path):
        assert path is not None
        assert (corpus.root / path).is_file()


@pytest.mark.parametrize(
    ("scope", "speakers"),
    [
        (Consent.PUBLIC, {"ann", "dan", "eve", "finn"}),
        (Consent.RESEARCH, {"ann", "cleo", "dan", "eve", "finn"}),
        (Consent.INTERNAL, {"ann", "cleo", "dan", "eve", "finn"}),
    ],
)
def test_only_who_consents_to_the_scope_goes_out(tables: CorpusTables, scope: Consent, speakers: set[str]) -> None:
    rows, exclusions = join_rows(tables, ReleaseSection(scope=scope))
    assert {row.speaker_id for row in rows} == speakers
    assert set(reasons((rows, exclusions))) == {"no_consent"}
    assert len(rows) + len(exclusions) == len(tables.utterances)


def test_clips_need_the_consent_of_all_who_are_seen(tables: CorpusTables) -> None:
    rows, exclusions = join_rows(tables, ReleaseSection(clips=True))
    assert {row.recording_id for row in rows} == {"tea"}
    assert all(row.clip_path for row in rows)
    assert reasons((rows, exclusions)) == {"no_consent": 8, "others_no_consent": 8}


def test_who_is_not_in_participants_csv_gave_no_consent(tables: CorpusTables) -> None:
    nobody = replace(tables, participants={})
    assert reasons(join_rows(nobody, ReleaseSection())) == {"no_consent": 24}


def test_an_unknown_speaker_stays(tables: CorpusTables) -> None:
    name = "tea_1000_1800"
    bindings = [b.model_copy(update={"speaker_id": None}) if b.utterance_id == name else b for b in tables.bindings]
    assert reason_of(replace(tables, bindings=bindings), name) == "unknown_speaker"


@pytest.mark.parametrize(
    ("table", "reason"), [("bindings", "no_binding"), ("transcripts", "no_transcript"), ("clips", "no_clip")]
)
def test_a_stage_that_has_not_run_is_told(tables: CorpusTables, table: str, reason: str) -> None:
    name = "tea_1000_1800"
    assert reason_of(replace(tables, **{table: without(getattr(tables, table), name)}), name) == reason


def test_what_fails_a_gate_stays_whatever_else_is_known(tables: CorpusTables) -> None:
    name = "tea_1000_1800"
    voice = VoiceQuality(snr_db=1, clipped_share=0, bandwidth_hz=None, loudness_lufs=None)
    measured = UtteranceQuality(utterance_id=name, voice=voice, face=None, source=SOURCE)
    below = measured.model_copy(update={"failed_gates": ("voice_noisy",)})
    assert reason_of(replace(tables, qualities=[measured]), name) is None
    assert reason_of(replace(tables, qualities=[below], clips=without(tables.clips, name)), name) == "gate"


@pytest.mark.parametrize(
    ("decisions", "reason"),
    [
        ([], "no_label"),
        ([("sadness", "majority", 1)], "too_few_raters"),
        ([(None, "tie", 4)], "tie"),
        ([(None, "cannot_tell", 3)], "cannot_tell"),
        ([(None, "no_agreement", 3)], "no_agreement"),
        ([("sadness", "majority", 3), ("neutral", "majority", 3)], "rounds_disagree"),
        ([("sadness", "majority", 1), ("sadness", "majority", 1)], None),
        ([(None, "tie", 2), ("neutral", "majority", 3)], None),
    ],
)
def test_what_the_raters_said_decides(
    tables: CorpusTables, decisions: list[tuple[str | None, str, int]], reason: str | None
) -> None:
    name = "tea_1000_1800"
    decided = [consensus(name, label, why, count) for label, why, count in decisions]
    changed = replace(tables, consensus=[*without(tables.consensus, name), *decided])
    assert reason_of(changed, name, ReleaseSection(min_raters=2)) == reason


def test_votes_of_rounds_are_added_up(tables: CorpusTables) -> None:
    name = "tea_1000_1800"
    rows, _ = join_rows(
        replace(tables, consensus=[*tables.consensus, consensus(name, "sadness", num_raters=2)]), ReleaseSection()
    )
    row = next(row for row in rows if row.utterance_id == name)
    assert (row.num_raters, row.votes["sadness"]) == (5, 5)


def test_other_conditions_make_no_label(tables: CorpusTables) -> None:
    voice = [row.model_copy(update={"condition": Condition.VOICE}) for row in tables.consensus]
    assert reasons(join_rows(replace(tables, consensus=voice), ReleaseSection()))["no_label"] == 16


def test_require_face(tables: CorpusTables) -> None:
    found = join_rows(tables, ReleaseSection(require_face=True))
    assert reasons(found)["no_face"] == 2
    assert all(row.face_path for row in found[0])


def test_every_reason_has_its_cure(tables: CorpusTables) -> None:
    found = join_rows(replace(tables, consensus=[]), ReleaseSection())
    assert set(reasons(found)) <= set(REASONS)


def test_contradicting_tables_are_refused(tables: CorpusTables) -> None:
    with pytest.raises(ReleaseError, match="stands in 2 rows"):
        join_rows(replace(tables, utterances=[*tables.utterances, tables.utterances[0]]), ReleaseSection())
    with pytest.raises(ReleaseError, match="recording tea is not in the corpus"):
        join_rows(replace(tables, recordings=tables.recordings[:2]), ReleaseSection())
