"""What a feature table says of itself: what made its features, from what, and what went wrong on the way."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from sdme_tools.records.base import Record, Source

FEATURE_TABLE_FORMAT: Literal["sdme_tools.feature_table/2"] = "sdme_tools.feature_table/2"


class ReleaseOrigin(Record):
    """The release that the features are of."""

    name: str
    version: str
    sha256: str
    """Of the release's manifest.json, which itself holds the hash of every other file."""


class SourceFile(Record):
    """A file from which features of others were imported."""

    name: str
    """Without its folder."""
    sha256: str
    size_bytes: NonNegativeInt


class ModalityEncoding(Record):
    """How one modality was turned into numbers."""

    encoder: Source
    num_features: PositiveInt
    steps_per_second: PositiveFloat | None
    """How many steps a second of media gives; None where steps are not evenly spaced, such as words."""
    max_steps: PositiveInt
    """What is longer was averaged down to this many steps, a text cut off after as many."""


class FeatureFault(Record):
    """A modality of an utterance that is missing because it could not be encoded."""

    utterance_id: str
    modality: str
    what: str


class FeatureTableMetadata(Record):
    """A feature table is one Parquet file; this record lies as JSON under `sdme_tools` in its schema's metadata.

    Columns, found by their names; a row is an utterance:

    - `utterance_id`, `speaker_id`, `split` ("train", "validation" or "test"): strings, never null.
    - `label`: string, one of `label_names`; null where there is none.
    - for each modality m of `feature_dims`, which gives their order, a binary column `m`: int32 number of steps T, then
      T · D_m float32, step by step; all little-endian. Null where the modality is missing.
    - `content_sha256_<m>`: binary of 32 bytes, the SHA-256 of what the features were made from (the bytes of the media
      file, or the text in UTF-8); null where the modality is missing or could not be encoded. Only in tables made from
      a release.
    - `dialogue_id` (string) and `dialogue_order` (int64): the recording, and the utterance's start in it in ms. Only in
      tables made from a release.
    - `human_relevance_<m>`: float32, 0 to 1, how far raters who met only that modality agreed with the label; null
      where unknown. May be absent.
    """

    format: Literal["sdme_tools.feature_table/2"] = FEATURE_TABLE_FORMAT
    label_names: Annotated[tuple[str, ...], Field(description="The classes, in class order.")]
    feature_dims: Annotated[
        dict[str, NonNegativeInt],
        Field(description="Modality -> its number of features D_m; 0 where no utterance has the modality."),
    ]
    encodings: Annotated[
        dict[str, ModalityEncoding], Field(description="Modality -> how it was made; empty in imported tables.")
    ] = {}
    release: Annotated[ReleaseOrigin | None, Field(description="None in imported tables.")] = None
    files: Annotated[tuple[SourceFile, ...], Field(description="What an imported table was made from.")] = ()
    speakers_known: Annotated[
        bool,
        Field(
            description="False where nobody knows who speaks and every utterance counts as a speaker of its own: "
            "intervals over speakers are then too narrow."
        ),
    ] = True
    split_seed: Annotated[
        NonNegativeInt | None, Field(description="Given where the splits were drawn at import, by groups.")
    ] = None
    faults: Annotated[
        tuple[FeatureFault, ...], Field(description="What could not be encoded and is therefore missing.")
    ] = ()
    left_out: Annotated[
        tuple[str, ...], Field(description="Utterances of which no modality is left; they are not in the table.")
    ] = ()
    made_by: Annotated[str, Field(description="Name and version of the program.")] = ""
