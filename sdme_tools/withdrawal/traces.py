"""Looking for names in files of any kind: what is packed is unpacked, since compressed bytes hide words."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from sdme_tools.errors import SdmeError
from sdme_tools.withdrawal.names import Names, find_tokens

MEDIA = frozenset({".mp4", ".mkv", ".mov", ".avi", ".webm", ".flac", ".wav", ".mp3", ".m4a", ".png", ".jpg", ".jpeg"})
"""Of such files only the path is looked at: they hold no text."""
_CHUNK_BYTES = 1 << 24
_MARGIN_BYTES = 256
"""Longer than any identifier: none is cut in two by the end of a chunk."""


def find_traces(folder: Path, names: Names, is_trace: Callable[[str], bool]) -> Iterator[Path]:
    """Yield every file below a folder, or the file itself, whose path or content holds a name that is looked for.

    `is_trace` is one of the questions that `names` answers.
    """
    for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
        if path.is_symlink() or not path.is_file():
            continue
        below = path.relative_to(folder).parts or (path.name,)
        if any(is_trace(part) for part in below) or has_trace(path, names, is_trace):
            yield path


def has_trace(path: Path, names: Names, is_trace: Callable[[str], bool]) -> bool:
    """Whether a file's content holds such a name; one that cannot be read may, and counts as one that does."""
    if path.suffix.lower() in MEDIA:
        return False
    try:
        return _search(path, names, is_trace)
    # zipfile says RuntimeError of an encrypted member and NotImplementedError of a compression that it does not know.
    except (SdmeError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error, NotImplementedError):
        return True


def _search(path: Path, names: Names, is_trace: Callable[[str], bool]) -> bool:
    known: set[str] = set()
    for content in _contents(path):
        if not any(seed in content for seed in names.seeds):
            continue
        fresh = set(find_tokens(content)) - known
        if any(is_trace(token) for token in fresh):
            return True
        known = fresh if len(known) > 1_000_000 else known | fresh
    return False


def _contents(path: Path) -> Iterator[bytes]:
    if path.suffix.lower() == ".parquet":
        from sdme_tools.release.reading import read_strings

        yield from read_strings(path)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                yield member.filename.encode()
                if Path(member.filename).suffix.lower() not in MEDIA:
                    with archive.open(member) as file:
                        yield from _chunks(file.read)
    else:
        with path.open("rb") as plain:
            yield from _chunks(plain.read)


def _chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    before = b""
    while chunk := read(_CHUNK_BYTES):
        yield before + chunk
        before = chunk[-_MARGIN_BYTES:]
