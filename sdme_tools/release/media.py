"""The media of released rows: read from the corpus, and checked against what the clips stage wrote down."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from sdme_tools.errors import ReleaseError
from sdme_tools.records.release import ReleaseRow
from sdme_tools.records.utterance import Clip


class _Known(NamedTuple):
    """What the clips stage wrote down of a file."""

    sha256: bytes
    size_bytes: int


class MediaStore:
    """The media files of a corpus, by row of a release; may be read by several threads at once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, _Known] = {}

    def add(self, row: ReleaseRow, clip: Clip) -> None:
        """Remember what is known of a row's files: their hashes and sizes, and no more, for there are many."""
        files = {row.voice_path: clip.voice, row.face_path: clip.face, row.clip_path: clip.clip}
        for path, file in files.items():
            if path is not None and file is not None:
                self._known[path] = _Known(bytes.fromhex(file.sha256), file.size_bytes)

    def size_bytes(self, row: ReleaseRow) -> int:
        """Bytes of all media that the row ships, as the clips stage counted them."""
        return sum(self._known[path].size_bytes for path in _paths(row).values() if path is not None)

    def hashes(self, row: ReleaseRow) -> dict[str, str]:
        """Media column -> SHA-256 of what the row ships."""
        paths = {column: path for column, path in _paths(row).items() if path is not None}
        return {column: self._known[path].sha256.hex() for column, path in paths.items()}

    def read(self, row: ReleaseRow) -> dict[str, bytes | None]:
        """Read every media column of a row; None where the row has none.

        Raises:
            ReleaseError: a file is missing or is not the one that the clips stage wrote.
        """
        return {column: self._read_checked(path) if path is not None else None for column, path in _paths(row).items()}

    def _read_checked(self, path: str) -> bytes:
        cure = "remove that recording's clips.jsonl and `sdme run` again, or restore the file from a backup"
        known = self._known[path]
        try:
            content = (self._root / path).read_bytes()
        except OSError as error:
            raise ReleaseError(f"{self._root / path}: cannot be read ({error.strerror})", cure=cure) from error
        found = hashlib.sha256(content)
        if found.digest() != known.sha256:
            raise ReleaseError(
                f"{self._root / path}: damaged: got sha256 {found.hexdigest()[:12]}… ({len(content)} bytes), "
                f"expected {known.sha256.hex()[:12]}… ({known.size_bytes} bytes)",
                cure=cure,
            )
        return content


def _paths(row: ReleaseRow) -> dict[str, str | None]:
    """Media column -> path below the corpus folder."""
    return {"voice": row.voice_path, "face": row.face_path, "clip": row.clip_path}
