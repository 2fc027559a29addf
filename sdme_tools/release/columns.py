"""The columns of a shard: what they are called, what they hold, and how loaders are told.

The Hugging Face conventions make a plain Parquet file load as audio, video and class labels everywhere: the schema's
metadata key `huggingface` names a feature for each column, media are struct<bytes, path>. Every other reader of
Parquet sees ordinary columns.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from sdme_tools.errors import ReleaseError
from sdme_tools.records.quality import FaceMaterialQuality, VoiceQuality
from sdme_tools.records.release import ReleaseRow, Split

VOICE_RATE_HZ = 16_000
MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_SUFFIXES = {"voice": ".flac", "face": ".face.mp4", "clip": ".mp4"}
_QUALITY = [
    (f"{noun}_{measure}", f"{noun}_quality", measure)
    for noun, record in (("voice", VoiceQuality), ("face", FaceMaterialQuality))
    for measure in record.model_fields
]
"""Each figure of quality.jsonl: its column, and where it stands in a ReleaseRow. Null = not measured."""
_WHOLE = {"voice_bandwidth_hz", "face_median_size_px"}
_STRING = {"dtype": "string", "_type": "Value"}


@dataclass(frozen=True)
class Columns:
    """The columns of a release.

    Attributes:
        labels: The label set, in class order: the ClassLabel's names.
        answers: The labels and 'cannot tell': one column of vote counts each.
        with_clips: Whether clip.mp4 is shipped.
    """

    labels: tuple[str, ...]
    answers: tuple[str, ...]
    with_clips: bool

    @property
    def media(self) -> tuple[str, ...]:
        """The media columns."""
        return ("voice", "face", "clip") if self.with_clips else ("voice", "face")

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
        """The Arrow schema, with the features for loaders in its metadata."""
        kinds = self._kinds()
        fields = [pa.field(name, kind) for name, (kind, _) in kinds.items()]
        features = {name: feature for name, (_, feature) in kinds.items()}
        metadata = json.dumps({"info": {"features": features}}, ensure_ascii=False)
        return pa.schema(fields, metadata={"huggingface": metadata})

    def _kinds(self) -> dict[str, tuple[pa.DataType, dict[str, object]]]:
        """Column -> Arrow type and Hugging Face feature, in the order of the file."""
        text = (pa.string(), dict[str, object](_STRING))
        kinds = dict.fromkeys(("utterance_id", "recording_id", "session_id", "speaker_id"), text)
        kinds |= {name: _number("int64") for name in ("start_ms", "end_ms")}
        kinds |= {"split": text, "text": text, "text_edited": _number("bool"), "language": text}
        kinds["label"] = (pa.int64(), {"names": list(self.labels), "_type": "ClassLabel"})
        kinds |= {name: _number("int32") for name in ("num_raters", *self.vote_columns().values())}
        kinds |= {"binding_score": _number("float64"), "binding_reason": text, "binding_confidence": _number("float64")}
        kinds |= {name: _number("int64") for name in ("speech_ms", "overlap_ms")}
        kinds |= {name: _number("int64" if name in _WHOLE else "float64") for name, _, _ in _QUALITY}
        kinds["voice"] = (MEDIA, {"sampling_rate": VOICE_RATE_HZ, "_type": "Audio"})
        kinds |= {name: (MEDIA, {"_type": "Video"}) for name in self.media if name != "voice"}
        return kinds

    def leaves(self) -> list[str]:
        """Paths of all leaf columns, as Parquet names them."""
        names = [field.name for field in self.schema() if field.name not in self.media]
        return names + [f"{name}.{part}" for name in self.media for part in ("bytes", "path")]

    def cells(self, row: ReleaseRow, split: Split, media: dict[str, bytes | None]) -> dict[str, object]:
        """Lay a row out for `schema`; `media` has the bytes of each media column, None where there is none."""
        cells: dict[str, object] = row.model_dump(
            include={"utterance_id", "recording_id", "session_id", "speaker_id", "text", "text_edited", "language"}
            | {"num_raters", "binding_score", "binding_reason", "binding_confidence", "speech_ms", "overlap_ms"}
        )
        cells |= {name: getattr(getattr(row, part), measure, None) for name, part, measure in _QUALITY}
        cells |= {"start_ms": row.span.start_ms, "end_ms": row.span.end_ms, "split": split.value}
        cells["label"] = self.labels.index(row.label) if row.label is not None else None
        cells |= {column: row.votes.get(answer, 0) for answer, column in self.vote_columns().items()}
        for name, content in media.items():
            path = f"{row.utterance_id}{_SUFFIXES[name]}"
            cells[name] = None if content is None else {"bytes": content, "path": path}
        return cells


def _number(dtype: str) -> tuple[pa.DataType, dict[str, object]]:
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
