"""The media of released rows: read from the corpus, and checked against what the clips stage wrote down."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from sdme_tools.errors import ReleaseError
from sdme_tools.records.release import ReleaseRow
from sdme_tools.records.utterance import Clip, MediaFile


class MediaStore:
    """The media files of a corpus, by row of a release."""

    def __init__(self, root: Path, clips: Iterable[Clip]) -> None:
        self._root = root
        self._clips = {clip.utterance_id: clip for clip in clips}

    def size_bytes(self, row: ReleaseRow) -> int:
        """Bytes of all media that the row ships, as the clips stage counted them."""
        return sum(file.size_bytes for _, file in self._shipped(row).values())

    def read(self, row: ReleaseRow) -> dict[str, bytes | None]:
        """Read every media column of a row; None where the row has none.

        Raises:
            ReleaseError: a file is missing or is not the one that the clips stage wrote.
        """
        shipped = self._shipped(row)
        return {
            column: self._read_checked(*shipped[column]) if column in shipped else None
            for column in ("voice", "face", "clip")
        }

    def _shipped(self, row: ReleaseRow) -> dict[str, tuple[str, MediaFile]]:
        """Media column -> path below the corpus folder and what is known of the file."""
        clip = self._clips[row.utterance_id]
        paths = {"voice": row.voice_path, "face": row.face_path, "clip": row.clip_path}
        files = {"voice": clip.voice, "face": clip.face, "clip": clip.clip}
        return {
            column: (path, file)
            for column, path in paths.items()
            if path is not None and (file := files[column]) is not None
        }

    def _read_checked(self, path: str, file: MediaFile) -> bytes:
        cure = "remove that recording's clips.jsonl and `sdme run` again, or restore the file from a backup"
        try:
            content = (self._root / path).read_bytes()
        except OSError as error:
            raise ReleaseError(f"{self._root / path}: cannot be read ({error.strerror})", cure=cure) from error
        found = hashlib.sha256(content).hexdigest()
        if found != file.sha256:
            raise ReleaseError(
                f"{self._root / path}: damaged: got sha256 {found[:12]}… ({len(content)} bytes), "
                f"expected {file.sha256[:12]}… ({file.size_bytes} bytes)",
                cure=cure,
            )
        return content
