"""A column of sequences in Arrow's memory, of which each sequence is a view: nothing is copied, nothing kept twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sdme_tools.training.dataset import Features

_HEAD_BYTES = 4
"""The int32 that says how many steps follow."""


class _Chunk:
    """One contiguous piece of the column: numpy views of its buffers."""

    def __init__(self, array: Any, num_features: int) -> None:  # noqa: ANN401 - pyarrow ships no types
        self.missing: NDArray[np.bool_] = np.asarray(array.is_null())
        _, offsets, content = array.buffers()
        self.offsets = np.frombuffer(offsets, "<i8")[array.offset : array.offset + len(array) + 1]
        self.content = np.frombuffer(content or b"", np.uint8)
        self.num_features = num_features

    def __len__(self) -> int:
        return len(self.missing)

    def sequence(self, row: int) -> Features | None:
        if self.missing[row]:
            return None
        start, end = int(self.offsets[row]) + _HEAD_BYTES, int(self.offsets[row + 1])
        return self.content[start:end].view("<f4").reshape(-1, self.num_features)

    def faults(self) -> Iterator[tuple[int, str]]:
        """Rows whose bytes are not a number of steps followed by that many steps."""
        sizes = np.diff(self.offsets)
        for row in np.flatnonzero(~self.missing):
            start, size = int(self.offsets[row]), int(sizes[row])
            head = self.content[start : start + _HEAD_BYTES]
            num_steps = int(head.view("<i4")[0]) if size >= _HEAD_BYTES else -1
            if size != _HEAD_BYTES + 4 * num_steps * self.num_features:
                yield (
                    int(row),
                    f"got {size} bytes, expected 4 + 4 · {num_steps} steps · {self.num_features} features",
                )


class ArrowSequences(Sequence[Features | None]):
    """The sequences of one modality, `float32[T_i, D]` each, or None; read-only.

    Raises:
        TypeError: The column does not hold bytes.
    """

    def __init__(self, column: Any, num_features: int) -> None:  # noqa: ANN401
        if not (pa.types.is_large_binary(column.type) or pa.types.is_binary(column.type)):
            raise TypeError(f"a column of features holds {column.type}, not binary")
        self._column = column.cast(pa.large_binary())  # keeps the buffers alive that the chunks look at
        self._chunks = [_Chunk(chunk, num_features) for chunk in self._column.chunks]
        self._starts = np.cumsum([0, *(len(chunk) for chunk in self._chunks)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @overload
    def __getitem__(self, row: int) -> Features | None: ...
    @overload
    def __getitem__(self, row: slice) -> list[Features | None]: ...
    def __getitem__(self, row: int | slice) -> Features | list[Features | None] | None:
        if isinstance(row, slice):
            return [self[place] for place in range(*row.indices(len(self)))]
        place = row + len(self) if row < 0 else row
        if not 0 <= place < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        chunk = int(np.searchsorted(self._starts, place, side="right")) - 1
        return self._chunks[chunk].sequence(place - int(self._starts[chunk]))

    def __iter__(self) -> Iterator[Features | None]:
        for chunk in self._chunks:
            for row in range(len(chunk)):
                yield chunk.sequence(row)

    def faults(self) -> Iterator[tuple[int, str]]:
        """Rows whose bytes cannot be read as a sequence, with what is wrong."""
        for start, chunk in zip(self._starts, self._chunks, strict=False):
            yield from ((int(start) + row, what) for row, what in chunk.faults())
