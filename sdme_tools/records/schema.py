"""JSON Schemas of every noun that lies on disk, for people who read a corpus without this package."""

import json

from sdme_tools.records.annotation import Annotation, Assignment, Consensus, ConsensusRule, Item, Round, Submission
from sdme_tools.records.base import Record
from sdme_tools.records.certificate import Certificate, RowProof
from sdme_tools.records.config import CorpusConfig
from sdme_tools.records.face import Binding, FaceTrack
from sdme_tools.records.feature_table import FeatureTableMetadata
from sdme_tools.records.identity import ParticipantDoubt, Speaker, SpeakerDecision, SpeakerLink, TrustedRow
from sdme_tools.records.quality import UtteranceQuality
from sdme_tools.records.recording import Participant, Recording
from sdme_tools.records.release import Manifest
from sdme_tools.records.speaking import Speaking
from sdme_tools.records.studio import LedgerEntry, SeenTask
from sdme_tools.records.utterance import Clip, Drop, Transcript, Utterance
from sdme_tools.records.withdrawal import Tombstone, Withdrawal
from sdme_tools.records.wording import TranscriptEdit

ON_DISK: tuple[type[Record], ...] = (
    Annotation,
    Assignment,
    Binding,
    Certificate,
    Clip,
    Consensus,
    ConsensusRule,
    CorpusConfig,
    Drop,
    FaceTrack,
    FeatureTableMetadata,
    Item,
    LedgerEntry,
    Manifest,
    Participant,
    ParticipantDoubt,
    Recording,
    Round,
    RowProof,
    SeenTask,
    Speaker,
    SpeakerDecision,
    SpeakerLink,
    Speaking,
    Submission,
    Tombstone,
    Transcript,
    TranscriptEdit,
    TrustedRow,
    Utterance,
    UtteranceQuality,
    Withdrawal,
)


def render_schemas() -> dict[str, str]:
    """Return file name -> JSON Schema (draft 2020-12) text, the same bytes every time."""
    return {f"{_snake(kind.__name__)}.schema.json": _render(kind) for kind in ON_DISK}


def _render(kind: type[Record]) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | kind.model_json_schema(mode="serialization")
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
