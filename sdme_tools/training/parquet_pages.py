"""Reading one value out of a Parquet file: where the pages of a column lie, and what is on one of them.

pyarrow reads whole row groups, which for media are tens of megabytes. A release has one medium a page, uncompressed and
PLAIN, and an index of the pages; with these a medium is one read at a known place. Only such columns are read here:
struct<bytes, path> at the top of the schema, data pages of version 1.

Source: the Parquet format (github.com/apache/parquet-format: parquet.thrift, Encodings.md), Thrift's compact protocol.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sdme_tools.errors import TrainingError

_MAX_LEVEL = 2
"""Definition level of a medium that is there; below it the struct or its bytes are null."""
_LEVEL_BITS = 2
_CURE = "read it with pyarrow, or build the release again with `sdme release`"

# Thrift's compact protocol: types of fields.
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12

# parquet.thrift: ids of fields.
_FILE_ROW_GROUPS, _GROUP_COLUMNS, _GROUP_ROWS = 4, 1, 3
_CHUNK_META, _CHUNK_INDEX_OFFSET, _CHUNK_INDEX_LENGTH = 3, 4, 5
_META_PATH, _META_CODEC = 3, 4
_INDEX_PAGES, _PAGE_OFFSET, _PAGE_SIZE, _PAGE_FIRST_ROW = 1, 1, 2, 3
_HEADER_DATA_PAGE, _DATA_NUM_VALUES, _DATA_ENCODING = 5, 1, 2

Fields = dict[int, Any]
"""A Thrift struct: id of a field -> value."""


@dataclass(frozen=True, eq=False)
class Pages:
    """On which page each of a column's N values lies.

    Attributes:
        offsets: `int64[N]`, where the page begins in the file.
        sizes: `int64[N]`, bytes of the page, header included.
        numbers: `int64[N]`, the value's number on its page, 0-based.
    """

    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    numbers: NDArray[np.int64]


def locate_pages(path: Path, column: str) -> Pages:
    """Find the page of every value of a media column.

    Raises:
        TrainingError: the file is no Parquet file, or its media are not laid out page by page.
    """
    try:
        with path.open("rb") as file:
            file.seek(-8, os.SEEK_END)
            length, magic = struct.unpack("<I4s", file.read(8))
            if magic != b"PAR1":
                raise TrainingError(f"{path}: no Parquet file", cure=_CURE)
            file.seek(-8 - length, os.SEEK_END)
            footer, _ = read_struct(file.read(length), 0)
            parts = [_locate_in_group(file, group, column) for group in footer[_FILE_ROW_GROUPS]]
    except (OSError, KeyError, IndexError, struct.error) as error:
        raise TrainingError(f"{path}: column {column} has no pages that can be found", cure=_CURE) from error
    offsets, sizes, numbers = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return Pages(offsets, sizes, numbers)


def _locate_in_group(file: BinaryIO, group: Fields, column: str) -> tuple[NDArray[np.int64], ...]:
    """Offset, size and number of each row of a row group."""
    chunk = _find_chunk(group, (column.encode(), b"bytes"))
    file.seek(chunk[_CHUNK_INDEX_OFFSET])
    index, _ = read_struct(file.read(chunk[_CHUNK_INDEX_LENGTH]), 0)
    pages = index[_INDEX_PAGES]
    first_rows = np.array([page[_PAGE_FIRST_ROW] for page in pages], np.int64)
    page_of_row = np.repeat(np.arange(len(pages)), np.diff(first_rows, append=group[_GROUP_ROWS]))
    places = np.array([(page[_PAGE_OFFSET], page[_PAGE_SIZE]) for page in pages], np.int64)
    return places[page_of_row, 0], places[page_of_row, 1], np.arange(len(page_of_row)) - first_rows[page_of_row]


def _find_chunk(group: Fields, leaf: tuple[bytes, ...]) -> Fields:
    """The column chunk of a leaf; only an uncompressed one will do."""
    for chunk in group[_GROUP_COLUMNS]:
        meta = chunk[_CHUNK_META]
        if tuple(meta[_META_PATH]) == leaf and meta[_META_CODEC] == 0:
            return dict(chunk)
    raise KeyError(leaf)


def read_value(page: bytes, number: int) -> bytes | None:
    """Take one value off a page of `locate_pages`.

    Args:
        page: The page, header included.
        number: 0-based number of the value on it.

    Raises:
        TrainingError: the page is of another kind.
    """
    try:
        return _read_value(page, number)
    except (KeyError, IndexError, struct.error) as error:
        raise TrainingError("a page holds no medium that can be read", cure=_CURE) from error


def _read_value(page: bytes, number: int) -> bytes | None:
    header, start = read_struct(page, 0)
    data = header[_HEADER_DATA_PAGE]
    if data[_DATA_ENCODING] != 0:
        raise KeyError(_DATA_ENCODING)  # a dictionary, of which this page has only the places
    (length,) = struct.unpack_from("<I", page, start)
    levels = _read_levels(page[start + 4 : start + 4 + length], data[_DATA_NUM_VALUES])
    if levels[number] < _MAX_LEVEL:
        return None
    position = start + 4 + length
    for level in levels[:number]:
        if level == _MAX_LEVEL:
            position += 4 + struct.unpack_from("<I", page, position)[0]
    (size,) = struct.unpack_from("<I", page, position)
    return page[position + 4 : position + 4 + size]


def _read_levels(content: bytes, count: int) -> list[int]:
    """Definition levels: runs of one value, and groups of eight packed by bits."""
    levels: list[int] = []
    position = 0
    while len(levels) < count:
        header, position = _read_varint(content, position)
        if header & 1:
            size = (header >> 1) * _LEVEL_BITS
            packed = int.from_bytes(content[position : position + size], "little")
            levels += [packed >> (_LEVEL_BITS * i) & 3 for i in range((header >> 1) * 8)]
            position += size
        else:
            levels += [content[position]] * (header >> 1)
            position += 1
    return levels[:count]


def read_struct(content: bytes, position: int) -> tuple[Fields, int]:
    """Read a Thrift struct in the compact protocol; returns its fields and where it ends."""
    fields: Fields = {}
    name = 0
    while True:
        head = content[position]
        position += 1
        kind = head & 15
        if not head:
            return fields, position
        if head >> 4:
            name += head >> 4
        else:
            name, position = _read_integer(content, position)
        if kind in (_TRUE, _FALSE):
            fields[name] = kind == _TRUE
        else:
            fields[name], position = _read_thing(content, position, kind)


def _read_thing(content: bytes, position: int, kind: int) -> tuple[Any, int]:
    """Read what is no truth value of a struct."""
    if kind == _STRUCT:
        return read_struct(content, position)
    if kind == _BINARY:
        length, position = _read_varint(content, position)
        return content[position : position + length], position + length
    if kind in (_LIST, _SET):
        head = content[position]
        size, position = (head >> 4, position + 1) if head >> 4 < 15 else _read_varint(content, position + 1)
        things = []
        for _ in range(size):
            thing, position = _read_thing(content, position, head & 15)
            things.append(thing)
        return things, position
    if kind == _DOUBLE:
        return struct.unpack_from("<d", content, position)[0], position + 8
    if kind in (_TRUE, _FALSE, _BYTE):  # in lists a truth value is a byte
        return content[position], position + 1
    return _read_integer(content, position)


def _read_integer(content: bytes, position: int) -> tuple[int, int]:
    """Read a zigzag integer."""
    number, position = _read_varint(content, position)
    return (number >> 1) ^ -(number & 1), position


def _read_varint(content: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = content[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, position
        shift += 7
