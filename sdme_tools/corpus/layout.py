"""Layout: every path of a corpus folder, and no other place knows one.

corpus.toml  participants.csv  recordings.csv  withdrawals.jsonl  withdrawal.json (while one is under way)
recordings/<recording_id>/recording.json  <table>.jsonl  media/<utterance_id>/
                              dropped/<stage>.jsonl  receipts/<stage>.json
                              face_measures.npz  landmarks.npz
identity/speakers.jsonl  links.jsonl  doubts.jsonl  decisions.jsonl  trusted.jsonl  likeness/<recording_id>.npz
         sheet_<n>.png
rounds/<round_id>/  served/<round_id> -> rounds/<round_id>/media  releases/<version>/  runs/<name>/
"""

from dataclasses import dataclass
from pathlib import Path

FACE_MEASURES = "face_measures.npz"
"""What was measured on each sighting of a face; in a recording's folder."""
LANDMARKS = "landmarks.npz"
"""The landmarks of each sighting; in a recording's folder, absent where none are kept."""


@dataclass(frozen=True)
class Layout:
    """Paths below a corpus folder; nothing is touched."""

    root: Path

    @property
    def config(self) -> Path:
        """corpus.toml."""
        return self.root / "corpus.toml"

    @property
    def participants(self) -> Path:
        """participants.csv, edited by people."""
        return self.root / "participants.csv"

    @property
    def seats(self) -> Path:
        """recordings.csv, edited by people: who sits where in which file."""
        return self.root / "recordings.csv"

    @property
    def lock(self) -> Path:
        """Held by the one process that may write; the system releases it when that process dies."""
        return self.root / ".lock"

    @property
    def withdrawal(self) -> Path:
        """The journal of a withdrawal that is under way; gone when it is done."""
        return self.root / "withdrawal.json"

    @property
    def tombstones(self) -> Path:
        """What is remembered of withdrawals."""
        return self.root / "withdrawals.jsonl"

    @property
    def recordings(self) -> Path:
        """The folder of all recordings."""
        return self.root / "recordings"

    @property
    def copies(self) -> Path:
        """Raw files that were taken into the corpus with `sdme ingest --copy`."""
        return self.root / "raw"

    def recording_dir(self, recording_id: str) -> Path:
        """Everything known of one recording."""
        return self.recordings / recording_id

    def recording(self, recording_id: str) -> Path:
        """recording.json, written by ingest."""
        return self.recording_dir(recording_id) / "recording.json"

    def table(self, recording_id: str, name: str) -> Path:
        """A stage's table, such as utterances."""
        return self.recording_dir(recording_id) / f"{name}.jsonl"

    def dropped(self, recording_id: str, stage: str) -> Path:
        """What a stage left out, with reasons."""
        return self.recording_dir(recording_id) / "dropped" / f"{stage}.jsonl"

    def receipt(self, recording_id: str, stage: str) -> Path:
        """What a stage's output was made from."""
        return self.recording_dir(recording_id) / "receipts" / f"{stage}.json"

    def failure(self, recording_id: str, stage: str) -> Path:
        """Why a stage's last run failed; gone once it succeeds."""
        return self.recording_dir(recording_id) / "receipts" / f"{stage}.failed.json"

    def media(self, recording_id: str) -> Path:
        """One folder an utterance."""
        return self.recording_dir(recording_id) / "media"

    @property
    def identity(self) -> Path:
        """Who is the same person in several recordings."""
        return self.root / "identity"

    @property
    def speakers(self) -> Path:
        """Everybody whom `sdme speakers link` compared."""
        return self.identity / "speakers.jsonl"

    @property
    def speaker_links(self) -> Path:
        """What the machine proposes; made anew each time."""
        return self.identity / "links.jsonl"

    @property
    def participant_doubts(self) -> Path:
        """What they found of participants who are not alike in all of their recordings."""
        return self.identity / "doubts.jsonl"

    @property
    def trusted_rows(self) -> Path:
        """Rows of recordings.csv that people found right; nothing makes it again."""
        return self.identity / "trusted.jsonl"

    @property
    def speaker_decisions(self) -> Path:
        """What people decided; nothing makes it again."""
        return self.identity / "decisions.jsonl"

    def likeness(self, recording_id: str) -> Path:
        """Embeddings of a recording's faces and voices; its receipt lies beside it as .json."""
        return self.identity / "likeness" / f"{recording_id}.npz"

    def speaker_sheet(self, page: int) -> Path:
        """A page of the contact sheet."""
        return self.identity / f"sheet_{page}.png"

    @property
    def rounds(self) -> Path:
        """The folder of all annotation rounds."""
        return self.root / "rounds"

    def round_dir(self, round_id: str) -> Path:
        """round.json, items.jsonl, annotations.jsonl, consensus.jsonl."""
        return self.rounds / round_id

    def consensus_rule(self, round_id: str) -> Path:
        """How the round's labels are derived; absent where nobody chose a method."""
        return self.round_dir(round_id) / "consensus_rule.json"

    @property
    def served(self) -> Path:
        """All that the annotation server may read: one link a round to its media, and nothing else."""
        return self.root / "served"

    def served_round(self, round_id: str) -> Path:
        """Link to a round's media."""
        return self.served / round_id

    @property
    def runs(self) -> Path:
        """What was trained on releases."""
        return self.root / "runs"

    @property
    def releases(self) -> Path:
        """The folder of all releases."""
        return self.root / "releases"

    def release_dir(self, version: str) -> Path:
        """One release."""
        return self.releases / version
