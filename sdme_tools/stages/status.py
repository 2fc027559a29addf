"""What is done in a corpus, what was kept and dropped and why: the figures of `sdme status`."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.identity import SpeakerBook
from sdme_tools.corpus.receipt import Failure, Freshness, read_receipt
from sdme_tools.corpus.table import read_record
from sdme_tools.errors import SdmeError
from sdme_tools.records.face import Binding
from sdme_tools.records.quality import UtteranceQuality
from sdme_tools.records.recording import Consent, Participant, Recording
from sdme_tools.records.utterance import Transcript, Utterance
from sdme_tools.records.wording import TranscriptEdit, settle_wordings
from sdme_tools.stages.freshness import freshness_of
from sdme_tools.stages.pipeline import STAGES


@dataclass(frozen=True)
class StageStatus:
    """Where one stage of one recording stands."""

    freshness: Freshness
    num_kept: int = 0
    num_dropped: int = 0
    note: str = ""
    """The notes of the last run, or why it failed."""


@dataclass(frozen=True)
class RecordingStatus:
    """Where one recording stands."""

    recording_id: str
    duration_ms: int
    participants: dict[str, Consent]
    """Consent by participant, listed or recognised; somebody without a row in participants.csv has none."""
    stages: dict[str, StageStatus]


@dataclass(frozen=True)
class CorpusStatus:
    """Where the corpus stands."""

    recordings: tuple[RecordingStatus, ...]
    duration_ms: int
    num_utterances: int
    speech_ms: int
    utterances_by_speaker: dict[str, int]
    """Utterances by who is known to speak; 'unknown' where nobody is."""
    bindings: dict[str, int]
    """Utterances by binding reason; 'bound' is the good one."""
    dropped: dict[str, int]
    """What the stages left out, by 'stage: reason'."""
    failed_gates: dict[str, int]
    """Utterances by gate of [quality] that they fail; one may fail several."""
    transcript_flags: dict[str, int]
    transcript_edits: dict[str, int]
    """Edits of people: in force, 'outdated' (the machine's text under them has changed), 'orphaned' (the utterance is
    no more)."""
    num_rounds: int
    releases: tuple[str, ...]


def summarise_corpus(corpus: Corpus) -> CorpusStatus:
    """Read every table once and count.

    Raises:
        CorpusError: a table is damaged.
        ConfigError: participants.csv is.
    """
    recordings, people, book = corpus.recordings(), corpus.participants(), SpeakerBook(corpus)
    utterances = [row for r in recordings for row in corpus.read(r.recording_id, Utterance)]
    bindings = [row for r in recordings for row in corpus.read(r.recording_id, Binding)]
    transcripts = [row for r in recordings for row in corpus.read(r.recording_id, Transcript)]
    qualities = [row for r in recordings for row in corpus.read(r.recording_id, UtteranceQuality)]
    drops = [drop for r in recordings for drop in corpus.drops(r.recording_id)]
    speakers = {u.utterance_id: u.speaker_id for u in utterances} | {b.utterance_id: b.speaker_id for b in bindings}
    recognised = {r.recording_id: book.recognise([r.recording_id]) for r in recordings}
    speakers |= {utterance_id: name for found in recognised.values() for utterance_id, name in found.items()}
    return CorpusStatus(
        recordings=tuple(
            _summarise_recording(corpus, recording, people, recognised[recording.recording_id].values())
            for recording in recordings
        ),
        duration_ms=sum(r.duration_ms for r in recordings),
        num_utterances=len(utterances),
        speech_ms=sum(u.speech_ms for u in utterances),
        utterances_by_speaker=_count(speakers[u.utterance_id] or "unknown" for u in utterances),
        bindings=_count(b.reason.value for b in bindings),
        dropped=_count(f"{drop.stage}: {drop.reason}" for drop in drops),
        failed_gates=_count(gate for row in qualities for gate in row.failed_gates),
        transcript_flags=_count(flag for t in transcripts for flag in t.flags),
        transcript_edits=_count(
            _judge_edits(transcripts, [e for r in recordings for e in corpus.read(r.recording_id, TranscriptEdit)])
        ),
        num_rounds=len(corpus.rounds()),
        releases=tuple(sorted(p.parent.name for p in corpus.layout.releases.glob("*/manifest.json"))),
    )


def _judge_edits(transcripts: list[Transcript], edits: list[TranscriptEdit]) -> Iterator[str]:
    wordings = settle_wordings(transcripts, edits)
    for edit in edits:
        wording = wordings.get(edit.utterance_id)
        yield "orphaned" if wording is None else "outdated" if wording.is_outdated else "in force"


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _summarise_recording(
    corpus: Corpus, recording: Recording, people: dict[str, Participant], recognised: Iterable[str]
) -> RecordingStatus:
    ids = [*(seated.participant_id for seated in recording.participants), *sorted(recognised)]
    return RecordingStatus(
        recording_id=recording.recording_id,
        duration_ms=recording.duration_ms,
        participants={i: people[i].consent if i in people else Consent.NONE for i in ids},
        stages={name: _summarise_stage(corpus, recording, name) for name in STAGES},
    )


def _summarise_stage(corpus: Corpus, recording: Recording, name: str) -> StageStatus:
    receipt = read_receipt(corpus.layout.receipt(recording.recording_id, name))
    try:
        freshness = freshness_of(corpus, recording, STAGES[name])
    except SdmeError as error:  # the model is not here: whether the output is up to date cannot be told
        return StageStatus(Freshness.STALE if receipt else Freshness.MISSING, note=error.what)
    if freshness is Freshness.FAILED:
        failure = read_record(corpus.layout.failure(recording.recording_id, name), Failure)
        return StageStatus(freshness, note=failure.what)
    if receipt is None:
        return StageStatus(freshness)
    return StageStatus(freshness, receipt.num_kept, receipt.num_dropped, "; ".join(receipt.notes))
