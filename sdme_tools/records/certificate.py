"""What a release proves of itself: certificate.json, and proof.jsonl with a line an utterance.

Every figure of the card stands here, and the documents are made of this record alone; so whoever has the release can
measure the figures again, derive the labels again, and write the documents again.
"""

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

from sdme_tools.records.annotation import Condition, ConsensusMethod
from sdme_tools.records.base import Record
from sdme_tools.records.recording import Consent, Identifier
from sdme_tools.records.release import ReleaseFile, Split, SplitSummary
from sdme_tools.records.splitting import SplitReport


class About(Record):
    """What people say of the release, in corpus.toml, and what was asked of it."""

    name: str
    version: str
    scope: Consent
    description: str
    collection: str
    licence: str
    creators: tuple[str, ...]
    contact: str
    labels: tuple[str, ...]
    cannot_tell: str
    group_by: tuple[str, ...]
    made_by: str


class Histogram(Record):
    """Counts between neighbouring edges; the last bin holds its upper edge too."""

    edges: tuple[float, ...]
    counts: tuple[NonNegativeInt, ...]


class SpeakerFigures(Record):
    """How much of the release one speaker is."""

    speaker_id: Identifier
    split: Split
    num_utterances: PositiveInt
    duration_ms: NonNegativeInt
    labels: dict[str, NonNegativeInt]


class ReleaseFigures(Record):
    """What can be counted in the rows of the release."""

    num_utterances: PositiveInt
    num_recordings: PositiveInt
    num_sessions: PositiveInt
    duration_ms: NonNegativeInt
    duration_quartiles_ms: tuple[int, int, int, int, int]
    """Shortest, quarter, median, three quarters, longest."""
    durations_s: Histogram
    splits: dict[Split, SplitSummary]
    labels: dict[str, NonNegativeInt]
    speakers: tuple[SpeakerFigures, ...]
    languages: dict[str, PositiveInt]
    """Utterances by language; '' = not known."""
    num_words: NonNegativeInt
    num_edited_texts: NonNegativeInt
    num_empty_texts: NonNegativeInt
    num_faces: NonNegativeInt
    """Utterances with a face video."""
    raters_per_utterance: dict[int, PositiveInt]
    """Votes that decide on an utterance -> utterances."""
    label_shares: Histogram
    """Share of an utterance's votes that name its label."""


class Estimated(Record):
    """A figure with its interval of 95 %."""

    value: float | None
    low: float | None = None
    high: float | None = None
    undefined: str | None = None
    """Why there is no value."""


class AgreementFigures(Record):
    """How far raters agree on the released utterances, in one round under one condition."""

    round_id: Identifier
    condition: Condition
    num_votes: PositiveInt
    num_utterances: PositiveInt
    num_raters: PositiveInt
    percent: Estimated
    alpha: Estimated
    ac1: Estimated


class LeakCheck(Record):
    """Whether something stands in two splits (or folds) that should not."""

    of: str
    """participant, recording, session, identity, text, voice, face."""
    is_barred: bool
    """Whether the release promises that there is none."""
    num_compared: NonNegativeInt
    """Distinct values."""
    num_shared: NonNegativeInt
    """Of them in two splits or more."""
    examples: tuple[str, ...]
    """Some of those."""


class StageCount(Record):
    """What a stage saw: kept + dropped."""

    stage: str
    num_kept: NonNegativeInt
    num_dropped: NonNegativeInt
    reasons: dict[str, PositiveInt]


class Balance(Record):
    """Where everything that was seen has gone: kept + dropped = seen, released + excluded = seen."""

    stages: tuple[StageCount, ...]
    num_seen: NonNegativeInt
    """Utterances that the corpus keeps."""
    num_released: NonNegativeInt
    excluded: dict[str, PositiveInt]
    """Utterances that stay at home, by reason."""


class RaterModel(Record):
    """What a method found of the raters of one condition: with it every posterior follows from its votes.

    Fitted on the whole round, of which the release may hold a part.
    """

    condition: Condition
    answers: tuple[str, ...]
    shares: tuple[float, ...] = ()
    """dawid_skene, mace: how common each answer is."""
    errors: dict[Identifier, tuple[tuple[float, ...], ...]] = {}
    """dawid_skene, mace: rater -> how often they say the second where the first is true."""
    accuracy: dict[Identifier, Annotated[float, Field(ge=0, le=1)]] = {}
    """weighted: rater -> share of gold items that they got right, smoothed."""


class RoundProof(Record):
    """How a round's labels come from its votes."""

    round_id: Identifier
    origin: str
    adjudicates: Identifier | None
    conditions: tuple[Condition, ...]
    num_raters: NonNegativeInt
    num_items: NonNegativeInt
    num_votes: NonNegativeInt
    """Of the whole round, as the two above; the release holds those on its utterances."""
    contract: str | None
    """Digest of all that raters were shown; None where the votes were made elsewhere."""
    method: ConsensusMethod
    min_posterior: float
    models: tuple[RaterModel, ...]
    """Empty where the method counts votes and nothing else."""


class CorpusState(Record):
    """What the release was made from, as hashes: it tells nothing, but can be compared."""

    tables: dict[str, str]
    """Kind of table -> SHA-256 over all tables of that kind."""
    digest: str
    """SHA-256 over all of it."""


class Pictures(Record):
    """What drew the pictures: they can be compared where the same is at hand."""

    drawn_by: dict[str, str]
    """Library -> version."""
    shown: tuple[Identifier, ...]
    """Utterances on the contact sheet."""


class Certificate(Record):
    """certificate.json."""

    about: About
    figures: ReleaseFigures
    agreement: tuple[AgreementFigures, ...]
    division: SplitReport
    leaks: tuple[LeakCheck, ...]
    balance: Balance
    rounds: tuple[RoundProof, ...]
    corpus: CorpusState
    pictures: Pictures
    columns: dict[str, dict[str, str]]
    """Folder of tables -> column -> its type, in the order of the tables."""
    files: tuple[ReleaseFile, ...]
    """Tables of the release and proof.jsonl; what is made of this certificate stands in the manifest."""


class RowProof(Record):
    """A line of proof.jsonl: what an utterance was when it was released."""

    utterance_id: Identifier
    split: Split
    label: str | None
    posterior: dict[str, float]
    """Round that gave the label -> how likely it is by the round's method, from the released votes."""
    cells: dict[str, str]
    """Configuration -> SHA-256 over what its tables say of the utterance, media apart."""
    media: dict[str, str]
    """Media column -> SHA-256 of its bytes."""


class Fault(Record):
    """Something in a release that is not as the release says."""

    code: str
    """Such as 'label'; see audit/verify_*.py."""
    where: str
    """File, row or figure."""
    what: str
