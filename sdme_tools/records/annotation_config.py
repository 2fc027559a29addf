"""The sections of corpus.toml that decide what raters are asked, and where; see config.py."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from sdme_tools.records.base import Record
from sdme_tools.records.face import Share


class AnnotateSection(Record):
    """What raters are asked, in their language, and how rounds are laid out (`sdme round create`)."""

    question: Annotated[str, Field(min_length=1, description="What raters are asked about each clip.")] = (
        "Which emotion does this person express?"
    )
    display: Annotated[
        dict[str, str],
        Field(description='What raters read instead of a label, such as { happiness = "Freude" }; votes hold labels.'),
    ] = {}
    definitions: Annotated[
        dict[str, str], Field(description="What the guidelines say about a label, instead of the built-in words.")
    ] = {}
    confidence_question: Annotated[str, Field(min_length=1, description="How raters are asked for confidence.")] = (
        "How sure are you?"
    )
    confidence: Annotated[
        tuple[str, ...],
        Field(max_length=7, description="Its answers, from least (0) to most sure (1); [] = not asked."),
    ] = ("not sure", "fairly sure", "very sure")
    reason_question: Annotated[str, Field(min_length=1, description="How who cannot tell is asked for the reason.")] = (
        "Why can you not tell?"
    )
    reasons: Annotated[
        dict[str, str],
        Field(min_length=1, max_length=7, description="Reasons: the code that is kept, and what raters read."),
    ] = {
        "unclear": "nothing clear to see or hear",
        "mixed": "several emotions at once",
        "other": "an emotion that is not listed",
        "language": "I do not understand the words",
        "broken": "picture or sound is broken or missing",
    }
    gold_rate: Annotated[
        float,
        Field(ge=0, le=0.25, description="Hidden gold items over regular ones in each queue, where gold is given."),
    ] = 0.05
    repeat_rate: Annotated[
        float, Field(ge=0, le=0.25, description="Hidden repeats over regular items in each queue.")
    ] = 0.05
    repeat_gap: Annotated[NonNegativeInt, Field(description="Tasks between an item and its repeat.")] = 20
    gold_min_share: Annotated[
        Share, Field(description="--gold round:ROUND: share of a round's votes that must agree on a known answer.")
    ] = 0.8
    adjudicate_below: Annotated[
        Share, Field(description="`sdme round adjudicate`: labels that at most this share of the votes gave, and ties.")
    ] = 0.5
    decoy_rate: Annotated[
        float, Field(ge=0, le=4, description="`sdme round adjudicate`: agreed items over disputed ones in each queue.")
    ] = 0.5
    extend_target: Annotated[
        float,
        Field(gt=0, le=1, description="`sdme round extend`: posterior from which an item needs no further rater."),
    ] = 0.9
    extend_max_raters: Annotated[
        PositiveInt, Field(description="`sdme round extend`: items with so many raters are not asked again.")
    ] = 7
    low_margin: Annotated[
        Share,
        Field(description="--select low-margin: first and second label differ by at most this share of the votes."),
    ] = 0.34

    @model_validator(mode="after")
    def _answers_differ(self) -> Self:
        for name, words in (("confidence", self.confidence), ("reasons", tuple(self.reasons.values()))):
            if len(set(words)) != len(words) or not all(word.strip() == word and word for word in words):
                raise ValueError(f"{name} must be distinct, not empty and without outer spaces, got {list(words)}")
        if len(self.confidence) == 1:
            raise ValueError("confidence needs at least two answers, or none ([])")
        return self


class StudioSection(Record):
    """How rounds come to the annotation server (`sdme round push`)."""

    media: Annotated[
        Literal["local", "upload", "s3"],
        Field(
            description="How raters' browsers get the clips: local = the server reads this folder; upload = it keeps "
            "copies; s3 = it signs addresses of a bucket into which you put rounds/*/media, and nothing else of rounds."
        ),
    ] = "local"
    batch_size: Annotated[PositiveInt, Field(description="Tasks sent at a time.")] = 1000
    s3_bucket: Annotated[str, Field(description="s3: name of the bucket; the server itself holds its keys.")] = ""
    s3_prefix: Annotated[str, Field(description="s3: folder of the bucket that stands for this corpus.")] = ""
    s3_region: Annotated[str, Field(description='s3: region; "" = the server\'s own.')] = ""
    s3_endpoint: Annotated[str, Field(description='s3: address of a service other than Amazon\'s; "" = Amazon.')] = ""
    s3_minutes: Annotated[PositiveInt, Field(description="s3: how long a signed address holds.")] = 60
