"""The columns of a shard: what they are called, what they hold, and how loaders are told.

The Hugging Face conventions make a plain Parquet file load as audio, video and class labels everywhere: the schema's
metadata key `huggingface` names a feature for each column, media are struct<bytes, path>. Every other reader of
Parquet sees ordinary columns.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from sdme_tools.errors import ReleaseError
from sdme_tools.records.quality import FaceMaterialQuality, VoiceQuality
from sdme_tools.records.release import ReleaseRow, Split

VOICE_RATE_HZ = 16_000
MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
MEDIA_SUFFIXES = {"voice": ".flac", "face": ".face.mp4", "clip": ".mp4"}
"""Media column -> what follows the utterance's id in the name of its file."""
_QUALITY = [
    (f"{noun}_{measure}", f"{noun}_quality", measure)
    for noun, record in (("voice", VoiceQuality), ("face", FaceMaterialQuality))
    for measure in record.model_fields
]
"""Each figure of quality.jsonl: its column, and where it stands in a ReleaseRow. Null = not measured."""
_WHOLE = {"voice_bandwidth_hz", "face_median_size_px"}
_MADE_BY = ("segmented_by", "bound_by", "transcribed_by")
_AS_THEY_ARE = (
    *("utterance_id", "recording_id", "session_id", "speaker_id", "text", "text_edited", "language", "num_raters"),
    *("binding_score", "binding_reason", "binding_confidence", "speech_ms", "overlap_ms", *_MADE_BY),
)
"""Columns that a ReleaseRow has under the same name."""


Kind = tuple[pa.DataType, dict[str, object]]
"""Arrow type and Hugging Face feature of a column."""

TEXT: Kind = (pa.string(), {"dtype": "string", "_type": "Value"})


@dataclass(frozen=True)
class Columns:
    """The columns of a release.

    Attributes:
        labels: The label set, in class order: the ClassLabel's names.
        answers: The labels and 'cannot tell': one column of vote counts each.
        with_clips: Whether clip.mp4 is shipped.
        folds: Utterance id -> fold; null for all others.
    """

    labels: tuple[str, ...]
    answers: tuple[str, ...]
    with_clips: bool
    folds: Mapping[str, int] = field(default_factory=dict)

    @property
    def media(self) -> tuple[str, ...]:
        """The media columns."""
        return ("voice", "face", "clip") if self.with_clips else ("voice", "face")

    @cached_property
    def vote_columns(self) -> dict[str, str]:
        """Answer -> name of its column.

        Raises:
            ReleaseError: two answers would have the same column.
        """
        names = {answer: f"votes_{_slug(answer)}" for answer in self.answers}
        if len(set(names.values())) < len(names):
            raise ReleaseError(
                f"two labels would share a column of vote counts: {names}",
                cure="rename a label, so that they differ in letters or digits",
            )
        return names

    def schema(self) -> pa.Schema:
        """The Arrow schema of a shard, with the features for loaders in its metadata."""
        return make_schema(self._kinds())

    def tabular_schema(self) -> pa.Schema:
        """The same without media."""
        return make_schema({name: kind for name, kind in self._kinds().items() if name not in self.media})

    def _kinds(self) -> dict[str, Kind]:
        """What each column holds, in the order of the file."""
        kinds = dict.fromkeys(("utterance_id", "recording_id", "session_id", "speaker_id"), TEXT)
        kinds |= {name: number("int64") for name in ("start_ms", "end_ms")}
        kinds |= {"split": TEXT, "fold": number("int32")}
        kinds |= {"text": TEXT, "text_edited": number("bool"), "language": TEXT}
        kinds["label"] = (pa.int64(), {"names": list(self.labels), "_type": "ClassLabel"})
        kinds |= {name: number("int32") for name in ("num_raters", *self.vote_columns.values())}
        kinds |= {name: number("float64") for name in ("agreement", "entropy")}
        kinds |= {"binding_score": number("float64"), "binding_reason": TEXT, "binding_confidence": number("float64")}
        kinds |= {name: number("int64") for name in ("speech_ms", "overlap_ms")}
        kinds |= {name: number("int64" if name in _WHOLE else "float64") for name, _, _ in _QUALITY}
        kinds |= dict.fromkeys(_MADE_BY, TEXT)
        kinds["voice"] = (MEDIA, {"sampling_rate": VOICE_RATE_HZ, "_type": "Audio"})
        kinds |= {name: (MEDIA, {"_type": "Video"}) for name in self.media if name != "voice"}
        return kinds

    def cells(self, row: ReleaseRow, split: Split) -> dict[str, object]:
        """Lay out everything of a row but its media."""
        cells: dict[str, object] = {name: getattr(row, name) for name in _AS_THEY_ARE}
        cells |= {name: getattr(getattr(row, part), measure, None) for name, part, measure in _QUALITY}
        cells |= {"start_ms": row.span.start_ms, "end_ms": row.span.end_ms, "split": split.value}
        cells["fold"] = self.folds.get(row.utterance_id)
        cells["label"] = self.labels.index(row.label) if row.label is not None else None
        cells |= {column: row.votes.get(answer, 0) for answer, column in self.vote_columns.items()}
        cells["agreement"] = _agreement(row.votes, row.label)
        cells["entropy"] = _entropy(row.votes)
        return cells


def make_schema(kinds: Mapping[str, Kind]) -> pa.Schema:
    """Make the schema of columns, with the Hugging Face features in its metadata."""
    fields = [pa.field(name, kind) for name, (kind, _) in kinds.items()]
    features = {name: feature for name, (_, feature) in kinds.items()}
    metadata = json.dumps({"info": {"features": features}}, ensure_ascii=False)
    return pa.schema(fields, metadata={"huggingface": metadata})


def media_name(utterance_id: str, column: str) -> str:
    """The name of a media file."""
    return f"{utterance_id}{MEDIA_SUFFIXES[column]}"


def _agreement(votes: Mapping[str, int], label: str | None) -> float | None:
    """Share of the votes, doubts included, that are for the label."""
    total = sum(votes.values())
    return votes.get(label, 0) / total if label is not None and total else None


def _entropy(votes: Mapping[str, int]) -> float | None:
    """Entropy of the votes over all answers, in bits; 0 = all agree."""
    total = sum(votes.values())
    shares = [count / total for count in votes.values() if count]
    return max(0.0, -sum(share * math.log2(share) for share in shares)) if shares else None


def number(dtype: str) -> Kind:
    """The kind of a column of numbers or truth values."""
    return pa.type_for_alias(dtype), {"dtype": dtype, "_type": "Value"}


def _slug(answer: str) -> str:
    """A label as part of a column name: lower case, words joined by '_', letters of any script kept."""
    return re.sub(r"[\W_]+", "_", answer.casefold()).strip("_") or "label"


def check_labels(rows: Sequence[ReleaseRow], labels: Sequence[str]) -> None:
    """Refuse labels that the release's label set does not have.

    Raises:
        ReleaseError: names them.
    """
    unknown = sorted({row.label for row in rows if row.label is not None} - set(labels))
    if unknown:
        raise ReleaseError(
            f"utterances have the labels {unknown}, which are not among those of corpus.toml: {list(labels)}",
            cure="restore the labels in corpus.toml: they are fixed once votes exist",
        )
