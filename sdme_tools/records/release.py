"""What goes out: the rows of a release and its manifest."""

from enum import StrEnum

from pydantic import NonNegativeInt, PositiveInt

from sdme_tools.records.annotation import Condition
from sdme_tools.records.base import Record
from sdme_tools.records.face import Share
from sdme_tools.records.quality import FaceMaterialQuality, VoiceQuality
from sdme_tools.records.recording import Consent, Identifier
from sdme_tools.records.span import Span


class Split(StrEnum):
    """The three parts; no speaker is in two of them."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class ReleaseFormat(StrEnum):
    """How utterances and their media are laid out; tables and votes are Parquet in each."""

    PARQUET = "parquet"
    """Shards that hold media and columns together: what every loader of tables reads."""
    WEBDATASET = "webdataset"
    """Tar shards of plain files, one group of files an utterance."""
    FOLDERS = "folders"
    """Plain media files and a metadata.csv for each split."""


class ReleaseRow(Record):
    """Everything a release says of one utterance, media by path: the single join's result."""

    utterance_id: Identifier
    recording_id: Identifier
    session_id: Identifier
    speaker_id: Identifier
    span: Span
    text: str
    text_edited: bool = False
    """Whether a person wrote it; else the recogniser did."""
    language: str | None
    label: str | None
    votes: dict[str, NonNegativeInt]
    num_raters: NonNegativeInt
    condition: Condition
    binding_score: float | None
    binding_reason: str
    binding_confidence: Share | None
    speech_ms: PositiveInt
    overlap_ms: NonNegativeInt
    """How much of the speech lies under another voice."""
    segmented_by: str = ""
    """What found the speech: backend, version and SHA-256 of its weights."""
    bound_by: str = ""
    """What told who speaks; the same form."""
    transcribed_by: str = ""
    """What wrote the text that `text_edited` may have replaced; the same form."""
    voice_quality: VoiceQuality | None
    """How good the material is; None = the quality stage has not run."""
    face_quality: FaceMaterialQuality | None
    """None = no face is bound, or the quality stage has not run."""
    voice_path: str
    """Relative to the corpus folder."""
    face_path: str | None
    clip_path: str | None
    """Given only where everyone in the recording consents."""


class Exclusion(Record):
    """An utterance that a release leaves out; released + excluded = kept in the corpus."""

    utterance_id: Identifier
    reason: str
    detail: str = ""


class ReleaseFile(Record):
    """A file of a release."""

    path: str
    sha256: str
    size_bytes: NonNegativeInt


class SplitSummary(Record):
    """How much of the release a split holds."""

    num_utterances: NonNegativeInt
    num_speakers: NonNegativeInt
    duration_ms: NonNegativeInt
    labels: dict[str, NonNegativeInt]


class Manifest(Record):
    """manifest.json, written last: a folder without it is no release."""

    name: str
    version: str
    scope: Consent
    format: ReleaseFormat = ReleaseFormat.PARQUET
    labels: tuple[str, ...]
    group_by: tuple[str, ...]
    seed: int
    splits: dict[Split, SplitSummary]
    num_seen: NonNegativeInt
    excluded: dict[str, PositiveInt]
    """Utterances left out, by reason; seen = released + excluded."""
    files: tuple[ReleaseFile, ...]
    made_by: str
    """Name and version of the program."""
    pseudonym_key: str = ""
    """Tells by which key ids were replaced by pseudonyms, and nothing else; empty where they are the corpus' own."""
    num_names_scrubbed: NonNegativeInt | None = None
    """Names that were replaced in texts; None = nobody asked for it."""

    @property
    def shards(self) -> tuple[ReleaseFile, ...]:
        """The files that hold the utterances with their media; the others are tables, votes and documents."""
        return tuple(file for file in self.files if file.path.startswith("data/"))
