"""The single join: everything the corpus knows of an utterance in one row, or the reason why it stays at home."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sdme_tools.errors import ReleaseError, raise_together
from sdme_tools.records.annotation import Condition, Consensus
from sdme_tools.records.config import ReleaseSection
from sdme_tools.records.face import Binding
from sdme_tools.records.quality import UtteranceQuality
from sdme_tools.records.recording import Consent, Participant, Recording
from sdme_tools.records.release import Exclusion, ReleaseRow
from sdme_tools.records.utterance import Clip, Transcript, Utterance
from sdme_tools.records.wording import TranscriptEdit, Wording, settle_wordings

REASONS = {
    "gate": "fails a gate that the section quality of corpus.toml sets; quality.jsonl names it",
    "no_binding": "the bind stage has not run: sdme run",
    "no_transcript": "the transcribe stage has not run: sdme run",
    "no_clip": "the clips stage has not run: sdme run",
    "unknown_speaker": "nobody knows who speaks: fill in recordings.csv (seat or channel) and run sdme ingest and run, "
    "or sdme speakers merge them with a participant",
    "no_consent": "the speaker's consent in participants.csv does not cover the scope of the release",
    "others_no_consent": "clips show everyone in the recording, and somebody's consent does not cover the scope",
    "others_heard": "another voice is under the speech, and somebody's consent does not cover the scope",
    "no_face": "not bound to a face, and require_face is set",
    "no_label": "nobody has voted on it: sdme votes import",
    "too_few_raters": "fewer votes than min_raters: import more votes, or lower it",
    "tie": "several labels share the first place: import more votes",
    "no_agreement": "the first label has not what the round's method asks for: import more votes, or sdme consensus",
    "cannot_tell": "most raters could not tell",
    "rounds_disagree": "two rounds of annotation give it different labels",
    "between_splits": "new, and tied to two of the splits that are kept: --resplit divides anew",
}
"""Why an utterance can be left out, in the order in which the reasons are tried, with the cure."""

_ROW_FIELDS = set(ReleaseRow.model_fields)


@dataclass(frozen=True)
class CorpusTables:
    """What the join reads: the corpus's tables, each over all recordings and rounds."""

    recordings: Sequence[Recording]
    participants: Mapping[str, Participant]
    utterances: Sequence[Utterance]
    bindings: Sequence[Binding]
    transcripts: Sequence[Transcript]
    clips: Sequence[Clip]
    consensus: Sequence[Consensus]
    edits: Sequence[TranscriptEdit] = ()
    """What people wrote in place of the machine's text."""
    qualities: Sequence[UtteranceQuality] = ()
    recognised: Mapping[str, str] = field(default_factory=dict)
    """Utterance -> participant, as people decided with `sdme speakers`, where the binding names nobody."""


@dataclass(frozen=True)
class _Known:
    """What the corpus knows of one utterance; None where a stage has not run."""

    utterance: Utterance
    recording: Recording
    binding: Binding | None
    transcript: Transcript | None
    wording: Wording | None
    """What the transcript says once people's edits are laid over it."""
    quality: UtteranceQuality | None
    clip: Clip | None
    consensus: Sequence[Consensus]
    """One entry a round that it was voted on in, condition full only."""
    speaker_id: str | None
    """The participant who speaks."""

    @property
    def labels(self) -> list[str]:
        """The labels that rounds gave it, each once."""
        return list(dict.fromkeys(row.label for row in self.consensus if row.label is not None))

    @property
    def num_raters(self) -> int:
        """Votes of all rounds; who votes in two rounds counts in each."""
        return sum(row.num_raters for row in self.consensus)


def join_rows(tables: CorpusTables, settings: ReleaseSection) -> tuple[list[ReleaseRow], list[Exclusion]]:
    """Sort every kept utterance into released rows and exclusions, each with its first reason of `REASONS`.

    Where several rounds voted on an utterance their votes are added up; it keeps its label if no round gives it
    another one (a tie in one round does not undo the label of another).

    Raises:
        ReleaseError: the tables contradict each other: an utterance stands there twice or has no recording.
    """
    rows: list[ReleaseRow] = []
    exclusions: list[Exclusion] = []
    for known in _gather(tables):
        exclusion = _find_exclusion(known, tables.participants, settings)
        if exclusion is not None:
            exclusions.append(exclusion)
        else:
            rows.append(_make_row(known, ship_clip=settings.clips))
    if len(rows) + len(exclusions) != len(tables.utterances):
        raise ReleaseError(
            f"{len(rows)} utterances released and {len(exclusions)} excluded, expected {len(tables.utterances)} in all"
        )
    return rows, exclusions


def _gather(tables: CorpusTables) -> Iterator[_Known]:
    recordings = {recording.recording_id: recording for recording in tables.recordings}
    times = Counter(utterance.utterance_id for utterance in tables.utterances)
    problems = [f"utterance {name} stands in {count} rows" for name, count in times.items() if count > 1]
    problems += [
        f"utterance {utterance.utterance_id}: its recording {utterance.recording_id} is not in the corpus"
        for utterance in tables.utterances
        if utterance.recording_id not in recordings
    ]
    raise_together(ReleaseError, "the corpus contradicts itself:", problems, cure="run `sdme run` again")
    bindings = {row.utterance_id: row for row in tables.bindings}
    transcripts = {row.utterance_id: row for row in tables.transcripts}
    wordings = settle_wordings(tables.transcripts, tables.edits)
    qualities = {row.utterance_id: row for row in tables.qualities}
    clips = {row.utterance_id: row for row in tables.clips}
    decided: dict[str, list[Consensus]] = {}
    for row in tables.consensus:
        if row.condition is Condition.FULL:
            decided.setdefault(row.utterance_id, []).append(row)
    for utterance in tables.utterances:
        name = utterance.utterance_id
        yield _Known(
            utterance=utterance,
            recording=recordings[utterance.recording_id],
            binding=bindings.get(name),
            transcript=transcripts.get(name),
            wording=wordings.get(name),
            quality=qualities.get(name),
            clip=clips.get(name),
            consensus=decided.get(name, []),
            speaker_id=_find_speaker(bindings.get(name), tables.recognised.get(name)),
        )


def _find_speaker(binding: Binding | None, recognised: str | None) -> str | None:
    """Who speaks: recordings.csv wins, by way of the binding; then what people decided."""
    return (binding.speaker_id if binding else None) or recognised


def _find_exclusion(
    known: _Known, participants: Mapping[str, Participant], settings: ReleaseSection
) -> Exclusion | None:
    """Return why the utterance stays at home, or None."""
    checks = (_missing_stage(known), _missing_consent(known, participants, settings), _missing_label(known, settings))
    for reason in checks:
        if reason is not None:
            code, detail = reason
            return Exclusion(utterance_id=known.utterance.utterance_id, reason=code, detail=detail)
    return None


def _missing_stage(known: _Known) -> tuple[str, str] | None:
    if known.quality is not None and known.quality.failed_gates:
        return "gate", ", ".join(known.quality.failed_gates)
    for code, row in (("no_binding", known.binding), ("no_transcript", known.wording), ("no_clip", known.clip)):
        if row is None:
            return code, f"recording {known.recording.recording_id}"
    return None


def _missing_consent(
    known: _Known, participants: Mapping[str, Participant], settings: ReleaseSection
) -> tuple[str, str] | None:
    """Whether somebody would be shown or heard who does not let that happen; who is not listed gave no consent."""

    def refuses(participant_id: str) -> bool:
        participant = participants.get(participant_id)
        return not (participant.consent if participant else Consent.NONE).covers(settings.scope)

    if known.speaker_id is None:
        return "unknown_speaker", known.binding.reason.value if known.binding else ""
    if refuses(known.speaker_id):
        return "no_consent", f"speaker {known.speaker_id}, scope {settings.scope.value}"
    are_heard = known.utterance.overlap_ms > 0
    if not (settings.clips or are_heard):
        return None
    reason = "others_no_consent" if settings.clips else "others_heard"
    if not known.recording.participants:
        return (
            reason,
            f"recordings.csv lists nobody: who else is in the {'clip' if settings.clips else 'recording'} is not known",
        )
    refusing = sorted({s.participant_id for s in known.recording.participants if refuses(s.participant_id)})
    return (reason, ", ".join(refusing)) if refusing else None


def _missing_label(known: _Known, settings: ReleaseSection) -> tuple[str, str] | None:
    if settings.require_face and (known.clip is None or known.clip.face is None):
        return "no_face", known.binding.reason.value if known.binding else ""
    if not known.consensus:
        return "no_label", ""
    if known.num_raters < settings.min_raters:
        return "too_few_raters", f"got {known.num_raters}, expected at least {settings.min_raters}"
    if not known.labels:
        return known.consensus[0].reason, ""
    return ("rounds_disagree", ", ".join(known.labels)) if len(known.labels) > 1 else None


def _make_row(known: _Known, *, ship_clip: bool) -> ReleaseRow:
    """Lay everything side by side; called only for utterances that `_find_exclusion` let pass.

    All of it comes out of records that were checked, so the row is not checked once more; and all rows share the set
    of names that pydantic keeps for each, which would be larger than the row.
    """
    utterance, binding, wording, clip = known.utterance, known.binding, known.wording, known.clip
    if binding is None or known.speaker_id is None or known.transcript is None or wording is None or clip is None:
        raise ValueError(f"{utterance.utterance_id} was let pass without its material")
    votes = Counter[str]()
    for row in known.consensus:
        votes.update(row.distribution)
    folder = f"recordings/{utterance.recording_id}"
    return ReleaseRow.model_construct(
        _ROW_FIELDS,
        utterance_id=utterance.utterance_id,
        recording_id=utterance.recording_id,
        session_id=known.recording.session_id,
        speaker_id=known.speaker_id,
        span=utterance.span,
        text=wording.text,
        text_edited=wording.edit is not None,
        language=wording.language,
        label=known.labels[0],
        votes=dict(votes),
        num_raters=known.num_raters,
        condition=Condition.FULL,
        binding_score=binding.score,
        binding_reason=binding.reason.value,
        binding_confidence=binding.confidence,
        speech_ms=utterance.speech_ms,
        overlap_ms=utterance.overlap_ms,
        segmented_by=sys.intern(str(utterance.source)),
        bound_by=sys.intern(str(binding.source)),
        transcribed_by=sys.intern(str(known.transcript.source)),
        voice_quality=known.quality.voice if known.quality else None,
        face_quality=known.quality.face if known.quality else None,
        voice_path=f"{folder}/{clip.voice.path}",
        face_path=f"{folder}/{clip.face.path}" if clip.face else None,
        clip_path=f"{folder}/{clip.clip.path}" if ship_clip and clip.clip else None,
    )
