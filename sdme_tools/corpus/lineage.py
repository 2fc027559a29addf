"""Everything a corpus knows of one utterance, from the raw file to the releases that hold it."""

from dataclasses import dataclass

from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus, Kind
from sdme_tools.corpus.identity import SpeakerBook
from sdme_tools.corpus.receipt import Receipt, read_receipt
from sdme_tools.corpus.table import read_table
from sdme_tools.errors import CorpusError
from sdme_tools.records.annotation import Annotation, Consensus, Item
from sdme_tools.records.face import Binding, FaceQuality, FaceTrack
from sdme_tools.records.quality import UtteranceQuality
from sdme_tools.records.recording import Recording
from sdme_tools.records.utterance import Clip, Transcript, Utterance
from sdme_tools.records.wording import TranscriptEdit, Wording, settle_wording


@dataclass(frozen=True)
class BoundFace:
    """The face track that an utterance is bound to, without its columns."""

    track_id: str
    participant_id: str | None
    quality: FaceQuality


@dataclass(frozen=True)
class Verdict:
    """What one round says of the utterance."""

    round_id: str
    votes: tuple[Annotation, ...]
    consensus: tuple[Consensus, ...]


@dataclass(frozen=True)
class Lineage:
    """The whole history of an utterance; None where a stage has not run."""

    recording: Recording
    utterance: Utterance
    speaker_id: str | None
    """Who speaks, corpus-wide: a participant, else whom people decided it is, else a face or voice; None = unknown."""
    binding: Binding | None
    face: BoundFace | None
    quality: UtteranceQuality | None
    transcript: Transcript | None
    """The machine's."""
    wording: Wording | None
    """The text that counts, with the person's edit if there is one."""
    clip: Clip | None
    receipts: dict[str, Receipt]
    """By stage: parameters, backend, weights and input hashes."""
    rounds: tuple[Verdict, ...]


def explain_utterance(corpus: Corpus, utterance_id: str) -> Lineage:
    """Collect what is known of an utterance.

    Raises:
        CorpusError: there is no such utterance.
    """
    recording, utterance = _find(corpus, utterance_id)
    recording_id = recording.recording_id
    binding = _row(corpus, recording_id, Binding, utterance_id)
    tracks = {track.track_id: track for track in corpus.read(recording_id, FaceTrack)}
    track = tracks.get(binding.track_id or "") if binding else None
    transcript = _row(corpus, recording_id, Transcript, utterance_id)
    edit = _row(corpus, recording_id, TranscriptEdit, utterance_id)
    folder = corpus.layout.recording_dir(recording_id) / "receipts"
    receipts = {path.stem: read_receipt(path) for path in sorted(folder.glob("*.json")) if "." not in path.stem}
    return Lineage(
        recording=recording,
        utterance=utterance,
        speaker_id=SpeakerBook(corpus).speaker_of(recording_id, utterance_id),
        binding=binding,
        face=BoundFace(track.track_id, track.participant_id, track.quality) if track else None,
        quality=_row(corpus, recording_id, UtteranceQuality, utterance_id),
        transcript=transcript,
        wording=settle_wording(transcript, edit) if transcript else None,
        clip=_row(corpus, recording_id, Clip, utterance_id),
        receipts={stage: receipt for stage, receipt in receipts.items() if receipt is not None},
        rounds=tuple(_verdict(corpus, round_id, utterance_id) for round_id in corpus.rounds()),
    )


def _find(corpus: Corpus, utterance_id: str) -> tuple[Recording, Utterance]:
    for recording_id in corpus.recording_ids():
        if utterance_id.startswith(f"{recording_id}_"):
            found = _row(corpus, recording_id, Utterance, utterance_id)
            if found is not None:
                return corpus.recording(recording_id), found
    raise CorpusError(
        f"no utterance {utterance_id!r} in {corpus.root}",
        cure=f"ids stand in recordings/*/{TABLE_NAMES[Utterance]}.jsonl; a changed segmentation makes new ones",
    )


def _row(corpus: Corpus, recording_id: str, kind: type[Kind], utterance_id: str) -> Kind | None:
    rows = corpus.read(recording_id, kind)
    return next((row for row in rows if getattr(row, "utterance_id", None) == utterance_id), None)


def _verdict(corpus: Corpus, round_id: str, utterance_id: str) -> Verdict:
    folder = corpus.layout.round_dir(round_id)
    items = {i.item_id for i in read_table(folder / "items.jsonl", Item) if i.utterance_id == utterance_id}
    votes = read_table(folder / "annotations.jsonl", Annotation)
    consensus = read_table(folder / "consensus.jsonl", Consensus)
    return Verdict(
        round_id=round_id,
        votes=tuple(vote for vote in votes if vote.item_id in items),
        consensus=tuple(row for row in consensus if row.utterance_id == utterance_id),
    )
