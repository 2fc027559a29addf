"""What people said: rounds, items, annotations (votes) and the consensus derived from them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

from sdme_tools.records.base import Record
from sdme_tools.records.recording import Identifier
from sdme_tools.records.utterance import MediaFile


class Condition(StrEnum):
    """What of a clip the rater was shown."""

    FULL = "full"
    VIDEO = "video"
    VOICE = "voice"
    TEXT = "text"


class TaskRole(StrEnum):
    """Why an item stands in a rater's queue; the rater cannot tell, and only regular votes count in a consensus."""

    REGULAR = "regular"
    GOLD = "gold"
    """Its label is known: how well does the rater do?"""
    REPEAT = "repeat"
    """The rater had it before in this round: do they agree with themselves?"""
    PRACTICE = "practice"
    """To warm up, before all others."""
    DECOY = "decoy"
    """In adjudication: an agreed item among the disputed, so that being asked tells nothing."""


class RoundDesign(Record):
    """How a round was laid out: with the corpus as it was, the same design gives the same assignment."""

    conditions: tuple[Condition, ...]
    raters: tuple[Identifier, ...]
    per_item: PositiveInt
    """Raters of each item."""
    select: str
    """How the utterances were chosen, as it was asked for."""
    seed: int
    gold_rate: Annotated[float, Field(ge=0, le=0.25)] = 0.0
    """Hidden gold items over regular ones in each queue."""
    repeat_rate: Annotated[float, Field(ge=0, le=0.25)] = 0.0
    """Hidden repeats over regular items in each queue."""
    repeat_gap: NonNegativeInt = 20
    """Tasks between an item and its repeat; a third of the queue where that is shorter."""
    num_practice: NonNegativeInt = 0
    """Practice items at the beginning of each queue."""
    wash_out: tuple[Identifier, ...] = ()
    """Earlier rounds whose utterances no rater is shown again."""
    adjudicates: Identifier | None = None
    """The round whose disputed items are decided here; None = this is no adjudication."""
    decoy_rate: Annotated[float, Field(ge=0, le=4)] = 0.0
    """In adjudication: agreed items over disputed ones in each queue."""
    extends: Identifier | None = None
    """The round whose votes are counted together with those of this one; None = this is no extension."""
    show_predictions: bool = False
    """Whether raters see what a model takes regular items for; they lean to it."""


class RoundContract(Record):
    """SHA-256 of everything that raters were shown and in which order, frozen when the round was made."""

    files: dict[str, str]
    """File of the round's folder, with forward slashes -> SHA-256 of its bytes."""
    media: str
    """SHA-256 over names and hashes of all media."""
    digest: str
    """SHA-256 over design, label set and the two above: two rounds with the same digest are the same."""
    first_digest: str = ""
    """The digest when the round was made, where a withdrawal has taken something out since and what is left was frozen
    anew; empty otherwise. Projects on the server keep its name."""


class Round(Record):
    """One campaign of annotation; its label set never changes."""

    round_id: Identifier
    labels: tuple[str, ...]
    """In class order, 'cannot tell' apart."""
    cannot_tell: str
    origin: str
    """'import' for votes made elsewhere, 'label_studio', 'adjudication', 'extension'."""
    created_at: datetime | None = None
    design: RoundDesign | None = None
    """None where the votes were made elsewhere."""
    contract: RoundContract | None = None
    """None where the votes were made elsewhere."""


class Item(Record):
    """An utterance shown under one condition."""

    item_id: Identifier
    round_id: Identifier
    utterance_id: Identifier
    condition: Condition
    gold_label: str | None = None
    """What the rater should answer, where that is known; such items are gold, practice or decoys, never regular."""
    text: str | None = None
    """The words that raters read, as they stood when the round was made; None where the condition shows none."""
    media: MediaFile | None = None
    """What raters see and hear, relative to the round's folder; its name tells nothing of the recording. None where
    the condition shows none, and in rounds whose votes were made elsewhere."""
    prediction: str | None = None
    """What a model takes it for, if raters are to see that; see `RoundDesign.show_predictions`."""


def make_item_id(utterance_id: str, condition: Condition) -> str:
    """Name an item; unique inside its round."""
    return f"{utterance_id}_{condition.value}"


class Assignment(Record):
    """One task: an item in a rater's queue."""

    task_key: Identifier
    """Names the task in the queue, in the ledger and on the server; tells a rater nothing about its role."""
    round_id: Identifier
    item_id: Identifier
    rater_id: Identifier
    role: TaskRole
    order: NonNegativeInt
    """0-based place in the rater's own order, of one condition."""


class SubmissionState(StrEnum):
    """What became of a task on the server."""

    SUBMITTED = "submitted"
    SKIPPED = "skipped"
    DELETED = "deleted"
    """It was there at an earlier pull and is gone now."""


class Submission(Record):
    """One version of what a rater answered to a task, as the server held it; versions are never overwritten."""

    task_key: Identifier
    answer_id: str
    """The server's own name of the answer."""
    version: NonNegativeInt
    """0-based; a changed answer is a further version."""
    state: SubmissionState
    label: str | None = None
    """One of the round's labels, or its 'cannot tell'; None where nothing was chosen."""
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    reason: str | None = None
    """Why they could not tell."""
    submitted_at: datetime | None = None
    lead_ms: NonNegativeInt | None = None
    """Time from showing to submitting, as the server says; it has been wrong in several of its versions."""


class Annotation(Record):
    """One vote: one rater, one item, one label. Votes are kept for ever."""

    item_id: Identifier
    rater_id: Identifier
    role: TaskRole = TaskRole.REGULAR
    label: str
    """One of the round's labels, or its 'cannot tell'."""
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    presented_at: datetime | None = None
    order: NonNegativeInt | None = None
    """0-based place in the rater's own order."""
    lead_ms: NonNegativeInt | None = None
    """Time from showing to submitting, as the annotation tool says."""


class ConsensusMethod(StrEnum):
    """How votes become a label."""

    PLURALITY = "plurality"
    """The label with the most votes."""
    MAJORITY = "majority"
    """The label with more than half of the votes."""
    WEIGHTED = "weighted"
    """Each vote weighs what its rater's accuracy on gold items says of it."""
    DAWID_SKENE = "dawid_skene"
    """Labels and every rater's errors are estimated together from the votes."""
    MACE = "mace"
    """Labels and how often every rater spams are estimated together from the votes."""


class ConsensusRule(Record):
    """How a round's labels are derived, now and whenever votes are added."""

    method: ConsensusMethod = ConsensusMethod.PLURALITY
    min_posterior: Annotated[float, Field(ge=0, le=1)] = 0.5
    """weighted, dawid_skene, mace: a label that is less likely than this is none (no_agreement)."""
    error_smoothing: Annotated[float, Field(gt=0)] = 0.1
    """dawid_skene: votes added to every cell of a rater's errors."""
    gold_smoothing: Annotated[float, Field(gt=0)] = 2.0
    """weighted: gold items of average accuracy that everybody is taken to have done besides."""
    gold: dict[Identifier, str] = {}
    """weighted: item -> its known label, beside those that the round's own gold items have."""


class ConsensusReason(StrEnum):
    """How an item was decided."""

    MAJORITY = "majority"
    """It has a label."""
    TIE = "tie"
    """Several answers share the first place."""
    NO_AGREEMENT = "no_agreement"
    """The first place is not enough for the round's method."""
    CANNOT_TELL = "cannot_tell"
    """'Cannot tell' has the first place."""


class Consensus(Record):
    """The label derived from an item's votes; can be derived again at any time."""

    utterance_id: Identifier
    condition: Condition
    label: str | None
    """None = no consensus; the reason tells why."""
    distribution: dict[str, NonNegativeInt]
    """Votes per label, 'cannot tell' included, in the round's order."""
    posterior: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}
    """How likely each of them is by the method; shares of votes where it has no model of raters. Sums to 1."""
    method: str
    """A ConsensusMethod."""
    parameters: dict[str, float | int | str] = {}
    """Of the method, and what fitting it found."""
    num_raters: NonNegativeInt
    reason: str
    """A ConsensusReason."""
