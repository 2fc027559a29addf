"""All tables of a recording side by side, an utterance at a time: what people see and other programs are given."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.verdicts import read_verdicts
from sdme_tools.errors import CorpusError
from sdme_tools.records.annotation import Condition
from sdme_tools.records.face import Binding, FaceTrack
from sdme_tools.records.quality import UtteranceQuality
from sdme_tools.records.recording import Recording
from sdme_tools.records.speaking import Speaking
from sdme_tools.records.utterance import Transcript, Utterance
from sdme_tools.records.wording import TranscriptEdit, Wording, settle_wordings


@dataclass(frozen=True)
class UtteranceView:
    """What is known of one utterance; None where a stage has not run."""

    utterance: Utterance
    wording: Wording | None
    binding: Binding | None
    speaking: Speaking | None
    quality: UtteranceQuality | None
    flags: tuple[str, ...]
    """The recogniser's doubts."""
    label: str | None
    """The consensus of the rounds on the whole clip; None where there is none or they disagree."""

    @property
    def speaker(self) -> str | None:
        """The participant who speaks, else the voice as diarization tells it apart, else None."""
        bound = self.binding.speaker_id if self.binding else None
        return bound or self.utterance.speaker_id or self.utterance.voice_id

    @property
    def text(self) -> str:
        """The text that counts, empty where there is none."""
        return self.wording.text if self.wording else ""


@dataclass(frozen=True)
class RecordingView:
    """One recording with everything that its tables say."""

    recording: Recording
    source: Path
    tracks: tuple[FaceTrack, ...]
    utterances: tuple[UtteranceView, ...]
    """In order of time."""


def read_view(corpus: Corpus, recording_id: str, labels: Mapping[str, str] | None = None) -> RecordingView:
    """Read all tables of a recording; `labels` as `read_labels` gives them, for whoever shows labels."""
    recording = corpus.recording(recording_id)
    transcripts = {row.utterance_id: row for row in corpus.read(recording_id, Transcript)}
    wordings = settle_wordings(transcripts.values(), corpus.read(recording_id, TranscriptEdit))
    bindings = {row.utterance_id: row for row in corpus.read(recording_id, Binding)}
    speaking = {row.utterance_id: row for row in corpus.read(recording_id, Speaking)}
    quality = {row.utterance_id: row for row in corpus.read(recording_id, UtteranceQuality)}
    utterances = sorted(
        corpus.read(recording_id, Utterance), key=lambda u: (u.span.start_ms, u.span.end_ms, u.utterance_id)
    )
    return RecordingView(
        recording=recording,
        source=corpus.source_path(recording),
        tracks=tuple(corpus.read(recording_id, FaceTrack)),
        utterances=tuple(
            UtteranceView(
                utterance=utterance,
                wording=wordings.get(name),
                binding=bindings.get(name),
                speaking=speaking.get(name),
                quality=quality.get(name),
                flags=transcripts[name].flags if name in transcripts else (),
                label=(labels or {}).get(name),
            )
            for utterance in utterances
            for name in (utterance.utterance_id,)
        ),
    )


def read_labels(corpus: Corpus) -> dict[str, str]:
    """Utterance -> label by consensus on the whole clip, where all rounds that found one found the same."""
    found: dict[str, set[str]] = {}
    for row in read_verdicts(corpus):
        if row.condition is Condition.FULL and row.label is not None:
            found.setdefault(row.utterance_id, set()).add(row.label)
    return {name: next(iter(labels)) for name, labels in found.items() if len(labels) == 1}


def choose_recordings(corpus: Corpus, recording_ids: tuple[str, ...]) -> list[str]:
    """The named recordings, all where none is named.

    Raises:
        CorpusError: one is not in the corpus; names all such.
    """
    known = corpus.recording_ids()
    unknown = sorted(set(recording_ids) - set(known))
    if unknown:
        raise CorpusError(f"no such recording: {', '.join(unknown)}", cure=f"`sdme status {corpus.root}` lists them")
    return [name for name in known if not recording_ids or name in recording_ids]
