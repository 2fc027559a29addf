"""Encoding some utterances together: known features are taken, the rest is computed in batches of like length.

One bad file does not spoil the others: what cannot be decoded, or gives no finite numbers, is a fault with the
utterance's id, and that modality is missing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from sdme_tools.errors import TrainingError
from sdme_tools.records.feature_table import FeatureFault, ModalityEncoding
from sdme_tools.training.dataset import Features
from sdme_tools.training.features.encoders import Encoder, Modality, Prepared
from sdme_tools.training.features.known import KnownFeatures
from sdme_tools.training.features.release import ReleasedUtterance
from sdme_tools.training.table_file import to_bytes

_DECODED_AT_ONCE = 32
"""Utterances whose decoded sound or pictures are in memory together."""


@dataclass(frozen=True)
class EncodedPart:
    """What came of some utterances, in their order.

    Attributes:
        sequences: Modality -> sequences as tables hold them; None where missing.
        content_sha256: Modality -> hashes of what was encoded; None where nothing came of it.
        faults: What could not be encoded.
    """

    sequences: dict[Modality, list[bytes | None]] = field(default_factory=dict)
    content_sha256: dict[Modality, list[bytes | None]] = field(default_factory=dict)
    faults: list[FeatureFault] = field(default_factory=list)


class PartEncoder:
    """Applies an encoder a modality, and counts what it computed and what was known."""

    def __init__(
        self, encoders: Mapping[Modality, Encoder], encodings: Mapping[Modality, ModalityEncoding], known: KnownFeatures
    ) -> None:
        self._encoders = encoders
        self._encodings = encodings
        self._known = known
        self.num_computed = 0
        self.num_known = 0

    def encode(self, utterances: Sequence[ReleasedUtterance]) -> EncodedPart:
        """Encode all modalities of some utterances.

        Raises:
            BackendError: An encoder cannot work at all: weights, packages, memory of the device.
        """
        part = EncodedPart()
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for modality in self._encodings:
                contents = [utterance.contents.get(modality) for utterance in utterances]
                hashes = [None if content is None else hashlib.sha256(content).digest() for content in contents]
                found = [None if digest is None else self._known.find(modality, digest) for digest in hashes]
                self.num_known += sum(sequence is not None for sequence in found)
                todo = [place for place, content in enumerate(contents) if content is not None and not found[place]]
                for start in range(0, len(todo), _DECODED_AT_ONCE):
                    places = todo[start : start + _DECODED_AT_ONCE]
                    given = [contents[place] or b"" for place in places]
                    for place, result in zip(places, self._compute(modality, given, pool), strict=True):
                        if isinstance(result, str):
                            fault = FeatureFault(
                                utterance_id=utterances[place].utterance_id, modality=modality, what=result
                            )
                            part.faults.append(fault)
                        elif result is not None:
                            self.num_computed += 1
                            found[place] = to_bytes(result)
                part.sequences[modality] = found
                part.content_sha256[modality] = [
                    digest if sequence is not None else None for digest, sequence in zip(hashes, found, strict=True)
                ]
        return part

    def _compute(
        self, modality: Modality, contents: Sequence[bytes], pool: ThreadPoolExecutor
    ) -> list[Features | str | None]:
        """Decode and encode; None where there is nothing in it, a text where that is not possible."""
        encoder = self._encoders[modality]
        results: list[Features | str | None] = [None] * len(contents)
        prepared: dict[int, Prepared] = {}
        for place, decoded in enumerate(pool.map(lambda content: _prepare(encoder, content), contents)):
            if isinstance(decoded, str):
                results[place] = decoded
            elif decoded is not None:
                prepared[place] = decoded
        order = sorted(prepared, key=lambda place: len(prepared[place]))
        num_features = self._encodings[modality].num_features
        for place, features in zip(order, encoder.encode([prepared[place] for place in order]), strict=True):
            results[place] = _find_problem(features, num_features) or features
        return results


def _prepare(encoder: Encoder, content: bytes) -> Prepared | str | None:
    try:
        return encoder.prepare(content)
    except TrainingError as error:
        return error.what


def _find_problem(features: Features, num_features: int) -> str | None:
    """Say what makes features unfit for a table, or None."""
    if features.ndim != 2 or features.shape[1] != num_features or len(features) == 0:
        return f"the encoder gave the shape {features.shape}, expected [steps, {num_features}]"
    num_bad = int(features.size - np.isfinite(features).sum())
    return f"the encoder gave {num_bad} NaN or infinite values" if num_bad else None
