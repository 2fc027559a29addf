"""Reading what others keep features in: npz without pickles, h5 and csv, as columns and as sequences.

Sequences may be a padded array [N, T, D] (with `<key>_lengths` [N], else all T steps count), a flat array [ΣT, D] with
`<key>_lengths`, an array [N, D] of one step each, a group of arrays [T, D] by id (h5 group, or npz names `key/<id>`),
or a csv with the column of ids and one number a column, one row a step. Whoever is not in a group or csv, or has the
length 0, lacks the modality.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np
from numpy.typing import NDArray

from sdme_tools.errors import TrainingError
from sdme_tools.training.dataset import Features

_LENGTHS = "_lengths"
_KINDS = (".npz", ".h5", ".hdf5", ".csv")


@lru_cache(maxsize=4)
def open_source(path: Path) -> Mapping[str, Any]:
    """Read a file as name -> array (or, in h5, name -> group of arrays).

    Raises:
        TrainingError: The file is missing, damaged, of another kind, or holds pickles.
    """
    try:
        if path.suffix == ".csv":
            return _read_csv(path)
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return _gather({name: file[name] for name in file.files})
        if path.suffix in (".h5", ".hdf5"):
            with h5py.File(path, "r") as file:
                return {name: _read_h5(part) for name, part in file.items()}
    except (OSError, ValueError, KeyError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{path}: cannot be read ({type(error).__name__}: {error})") from error
    raise TrainingError(f"{path}: got the ending {path.suffix!r}, expected one of {', '.join(_KINDS)}")


def _read_csv(path: Path) -> dict[str, NDArray[np.str_]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    if not rows:
        raise ValueError("it is empty")
    uneven = [number for number, row in enumerate(rows, start=1) if len(row) != len(rows[0])]
    if uneven:
        raise ValueError(f"line {uneven[0]} has {len(rows[uneven[0] - 1])} cells, the first {len(rows[0])}")
    return {name: np.array([row[place] for row in rows[1:]], np.str_) for place, name in enumerate(rows[0])}


def _gather(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Make of names like `voice/clip_1` a group `voice`."""
    gathered: dict[str, Any] = {}
    for name, array in arrays.items():
        group, slash, member = name.partition("/")
        if slash:
            gathered.setdefault(group, {})[member] = array
        else:
            gathered[name] = array
    return gathered


def _read_h5(part: Any) -> Any:  # noqa: ANN401 - a data set or a group of them
    if isinstance(part, h5py.Group):
        return {name: member[()] for name, member in part.items() if isinstance(member, h5py.Dataset)}
    return part.asstr()[()] if h5py.check_string_dtype(part.dtype) else part[()]


def read_column(path: Path, name: str) -> list[str] | None:
    """Read one text a row; None where the file has no such column.

    Whole numbers become their digits, and rows of zeros with a single one (one-hot) the number of its place.

    Raises:
        TrainingError: The file cannot be read, or the column holds neither texts nor whole numbers.
    """
    found = open_source(path).get(name)
    if found is None:
        return None
    values = np.asarray(found) if not isinstance(found, dict) else np.zeros(())
    if values.ndim == 2 and np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all():
        values = values.argmax(axis=1)
    if values.ndim != 1:
        raise TrainingError(f"{path}: {name!r} has the shape {values.shape}, expected one value a row, or one-hot")
    if values.dtype.kind == "f" and (values == np.round(values)).all():
        values = values.astype(np.int64)
    if values.dtype.kind not in "iuUSO":
        raise TrainingError(f"{path}: {name!r} holds {values.dtype}, expected texts or whole numbers")
    texts = cast(list[Any], values.tolist())
    return [value.decode() if isinstance(value, bytes) else str(value) for value in texts]


def read_sequences(path: Path, key: str, ids: Sequence[str], id_column: str) -> list[Features | None]:
    """Read the sequences of these utterances, in their order.

    Args:
        path: npz, h5 or csv.
        key: Name of the array or group; of a csv nothing but the file counts.
        ids: The utterances. Arrays have a row for each, in this order.
        id_column: The column of ids of a csv.

    Raises:
        TrainingError: The file cannot be read, has no such array, or its sizes do not fit.
    """
    source = open_source(path)
    if path.suffix == ".csv":
        return _of_group(_group_csv(path, source, id_column), ids, path)
    if key not in source:
        raise TrainingError(f"{path}: has no {key!r}; it has {', '.join(sorted(source))}")
    found = source[key]
    if isinstance(found, dict):
        return _of_group(found, ids, path)
    lengths = source.get(key + _LENGTHS)
    return _of_array(np.asarray(found), None if lengths is None else np.asarray(lengths), len(ids), f"{path}: {key!r}")


def _group_csv(path: Path, source: Mapping[str, Any], id_column: str) -> dict[str, NDArray[Any]]:
    if id_column not in source:
        raise TrainingError(f"{path}: has no column {id_column!r}; it has {', '.join(source)}")
    try:
        numbers = np.stack([column.astype(np.float32) for name, column in source.items() if name != id_column], axis=1)
    except ValueError as error:
        raise TrainingError(f"{path}: every column but {id_column!r} must hold numbers ({error})") from error
    ids: NDArray[np.str_] = source[id_column]
    names, inverse = np.unique(ids, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    pieces = np.split(numbers[order], np.cumsum(np.bincount(inverse, minlength=len(names)))[:-1])
    return dict(zip((str(name) for name in names), pieces, strict=True))


def _of_group(group: Mapping[str, NDArray[Any]], ids: Sequence[str], path: Path) -> list[Features | None]:
    if not set(ids) & set(group):
        raise TrainingError(f"{path}: none of its ids is one of the index, such as {ids[0] if ids else '–'!r}")
    return [_as_steps(group[name]) if name in group else None for name in ids]


def _of_array(array: NDArray[Any], lengths: NDArray[Any] | None, num_rows: int, where: str) -> list[Features | None]:
    if array.dtype.kind not in "fiu":
        raise TrainingError(f"{where}: holds {array.dtype}, expected numbers")
    if lengths is not None and (lengths.shape != (num_rows,) or lengths.dtype.kind not in "iu" or (lengths < 0).any()):
        raise TrainingError(f"{where}: its lengths must be {num_rows} whole numbers, 0 or more; got {lengths.shape}")
    if array.ndim == 2 and lengths is not None:
        if lengths.sum() != len(array):
            raise TrainingError(f"{where}: the lengths sum to {lengths.sum()}, the array has {len(array)} steps")
        return [_as_steps(steps) for steps in np.split(array, np.cumsum(lengths)[:-1])]
    if array.ndim not in (2, 3) or len(array) != num_rows:
        raise TrainingError(f"{where}: got the shape {array.shape}, expected {num_rows} rows of [D] or [T, D]")
    if array.ndim == 2:
        return [_as_steps(row[None]) for row in array]
    if lengths is not None and num_rows and lengths.max() > array.shape[1]:
        raise TrainingError(f"{where}: a length is {lengths.max()}, the array has {array.shape[1]} steps")
    return [_as_steps(row if lengths is None else row[: lengths[place]]) for place, row in enumerate(array)]


def _as_steps(array: NDArray[Any]) -> Features | None:
    """`float32[T, D]`, or None without steps; a single vector is one step."""
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told as such
        steps: Features = np.atleast_2d(np.asarray(array)).astype(np.float32)
    return steps if steps.size else None
