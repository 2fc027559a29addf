"""corpus.toml as a record: every default is written here, in stage_config.py or annotation_config.py, and only once.

A field's description becomes the comment above it in the corpus.toml that `sdme init` writes (corpus_toml.py).
"""

from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from sdme_tools.records.annotation_config import AnnotateSection, StudioSection
from sdme_tools.records.base import Record
from sdme_tools.records.face import Share
from sdme_tools.records.recording import Consent, Identifier
from sdme_tools.records.release import ReleaseFormat, Split
from sdme_tools.records.splitting import GroupKey
from sdme_tools.records.stage_config import (
    BindSection,
    ClipsSection,
    DiarizeSection,
    FacesSection,
    IdentitySection,
    QualitySection,
    SegmentSection,
    SpeakingSection,
    TranscribeSection,
)
from sdme_tools.records.withdrawal import SharedRule

NOT_STATED = "not stated"
"""What the documents of a release say where corpus.toml says nothing."""

DEFAULT_LABELS = ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust")


class CorpusSection(Record):
    """What the corpus is called and which labels it knows."""

    name: Annotated[Identifier, Field(description="Name of the corpus, used in releases.")] = "corpus"
    labels: Annotated[
        tuple[str, ...], Field(description="The single-choice label set, in class order. Fixed once votes exist.")
    ] = DEFAULT_LABELS
    cannot_tell: Annotated[str, Field(description="What a rater chooses who cannot tell; kept, never a class.")] = (
        "cannot tell"
    )

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        names = [*self.labels, self.cannot_tell]
        if len(self.labels) < 2:
            raise ValueError(f"at least two labels are needed, got {list(self.labels)}")
        if len(set(names)) != len(names) or not all(name.strip() == name and name for name in names):
            raise ValueError(f"labels must be distinct, not empty and without outer spaces, got {names}")
        return self


class ReleaseSection(Record):
    """What a release contains."""

    scope: Annotated[
        Consent,
        Field(description="Whom it is for: internal, research or public. Only participants whose consent covers it."),
    ] = Consent.PUBLIC
    splits: Annotated[dict[Split, Share], Field(description="Share of utterances in each split; they sum to 1.")] = {
        Split.TRAIN: 0.7,
        Split.VALIDATION: 0.15,
        Split.TEST: 0.15,
    }
    folds: Annotated[
        str,
        Field(
            description='Folds in place of splits: a number such as "5", or what gets a fold of its own: session, '
            'participant, recording, …; "" = splits. All rows are then in train, but for a fixed test set.'
        ),
    ] = ""
    group_by: Annotated[
        tuple[GroupKey, ...],
        Field(
            min_length=1,
            description="What never crosses splits: participant (always), recording, session, identity (who may be "
            "the same person, confirmed or proposed), text (nearly the same words, from five words on), sentence (the "
            "same line of a script, from three words on). With recording, the people who talk to each other stay "
            "together, since each may be heard in the other's clips.",
        ),
    ] = (GroupKey.PARTICIPANT, GroupKey.RECORDING, GroupKey.IDENTITY)
    balance: Annotated[
        tuple[str, ...],
        Field(
            description="What splits are balanced over, beside utterances and labels: duration, or columns of "
            "participants.csv, such as gender."
        ),
    ] = ("duration",)
    split_time_s: Annotated[
        float,
        Field(
            gt=0,
            description="Seconds that an ordinary machine may spend on good splits. Counted in steps, not by the "
            "clock: the same corpus gives the same splits on any machine that is not several times slower.",
        ),
    ] = 10.0
    keep_splits: Annotated[
        bool,
        Field(description="Whoever is in the version before stays where they are. `--resplit` divides anew."),
    ] = True
    fixed: Annotated[
        str,
        Field(
            description="A CSV (speaker_id or utterance_id, split) or a release's folder whose splits stay as they "
            'are; relative to the corpus. "" = none.'
        ),
    ] = ""
    min_raters: Annotated[PositiveInt, Field(description="Votes an utterance needs.")] = 1
    require_face: Annotated[bool, Field(description="Leave out utterances that are not bound to a face.")] = False
    clips: Annotated[bool, Field(description="Ship clip.mp4 too; needs the consent of everyone in the recording.")] = (
        False
    )
    format: Annotated[
        ReleaseFormat,
        Field(
            description="parquet; webdataset: tar shards; folders: plain media files and a metadata.csv for each split."
        ),
    ] = ReleaseFormat.PARQUET
    shard_mb: Annotated[PositiveInt, Field(le=500, description="Largest size of a shard in megabytes.")] = 500
    jobs: Annotated[
        PositiveInt, Field(description="Shards written at once, each with up to 0.1 GB of memory; changes no byte.")
    ] = 2
    seed: Annotated[int, Field(description="Decides between splits that are equally good.")] = 0
    description: Annotated[str, Field(min_length=1, description="What the corpus is, in a sentence; for the card.")] = (
        NOT_STATED
    )
    collection: Annotated[
        str, Field(min_length=1, description="Who was filmed, where, when, doing what, and how they were asked.")
    ] = NOT_STATED
    licence: Annotated[
        str, Field(min_length=1, description="Under which terms it may be used, such as CC-BY-NC-4.0.")
    ] = NOT_STATED
    creators: Annotated[tuple[str, ...], Field(description="Who made it, by name, for the citation.")] = ()
    contact: Annotated[
        str, Field(min_length=1, description="Where participants and users turn to: an address or a page.")
    ] = NOT_STATED
    pseudonyms: Annotated[
        bool,
        Field(
            description="Call participants, sessions, recordings and utterances by keyed hashes. Without, ids go out "
            "as they are, and those of recordings come from the names of their files."
        ),
    ] = False
    scrub: Annotated[
        str,
        Field(
            description="File outside of the corpus with names, one a line, that are replaced by [name] in texts; a "
            "relative path begins at the corpus folder. Sound is not changed."
        ),
    ] = ""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.scope is Consent.NONE:
            raise ValueError("scope must be internal, research or public")
        if abs(sum(self.splits.values()) - 1) > 1e-6:
            raise ValueError(f"the shares of splits must sum to 1, got {sum(self.splits.values()):g}")
        if GroupKey.PARTICIPANT not in self.group_by:
            raise ValueError(f"group_by must hold participant; got {', '.join(self.group_by)}")
        if self.folds and not (self.folds in set(GroupKey) or (self.folds.isdecimal() and int(self.folds) >= 2)):
            raise ValueError(f"folds must be a number from 2 on, or one of {', '.join(GroupKey)}; got {self.folds!r}")
        return self


class WithdrawSection(Record):
    """What is done when a participant withdraws."""

    shared_recordings: Annotated[
        SharedRule,
        Field(
            description="A recording in which others appear too: 'drop' removes it as a whole, 'refuse' stops and "
            "names it. (Blurring and silencing one of several people is not offered.)"
        ),
    ] = SharedRule.DROP


class CorpusConfig(Record):
    """The whole of corpus.toml."""

    corpus: CorpusSection = CorpusSection()
    segment: SegmentSection = SegmentSection()
    diarize: DiarizeSection = DiarizeSection()
    faces: FacesSection = FacesSection()
    speaking: SpeakingSection = SpeakingSection()
    bind: BindSection = BindSection()
    transcribe: TranscribeSection = TranscribeSection()
    quality: QualitySection = QualitySection()
    clips: ClipsSection = ClipsSection()
    identity: IdentitySection = IdentitySection()
    annotate: AnnotateSection = AnnotateSection()
    label_studio: StudioSection = StudioSection()
    release: ReleaseSection = ReleaseSection()
    withdraw: WithdrawSection = WithdrawSection()

    @model_validator(mode="after")
    def _display_names_differ(self) -> Self:
        labels = (*self.corpus.labels, self.corpus.cannot_tell)
        if unknown := sorted(set(self.annotate.display) - set(labels)):
            raise ValueError(f"annotate.display names {unknown}, which are no labels of this corpus: {list(labels)}")
        shown = [self.annotate.display.get(label, label).strip() for label in labels]
        if len(set(shown)) != len(shown) or not all(shown):
            raise ValueError(f"annotate.display must give each label words of its own, got {shown}")
        return self
