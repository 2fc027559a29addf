"""The first ring: files are there, are themselves, and nothing else lies beside them."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from sdme_tools.records.certificate import Fault
from sdme_tools.records.release import Manifest, ReleaseFile
from sdme_tools.release.documents import MANIFEST, SUMS, render_manifest, render_sums


def check_files(folder: Path, manifest: Manifest, on_progress: Callable[[int, int], None]) -> Iterator[Fault]:
    """Yield what is wrong with the files."""
    yield from _check_names(folder, manifest)
    sums = folder / SUMS
    if sums.is_file() and sums.read_bytes() != render_sums(manifest).encode():
        yield from _compare_sums(sums.read_text(encoding="utf-8", errors="replace"), manifest)
    if (folder / MANIFEST).read_bytes() != render_manifest(manifest):
        yield Fault(code="manifest", where=MANIFEST, what="is not written as `sdme release` writes it")
    total, done = sum(file.size_bytes for file in manifest.files), 0
    for file in manifest.files:
        path = folder / file.path
        if path.is_file() and not path.is_symlink():
            yield from _check_file(path, file)
        done += file.size_bytes
        on_progress(done, total)


def _check_names(folder: Path, manifest: Manifest) -> Iterator[Fault]:
    """What is missing, what is too much, and what is no plain file."""
    listed = {file.path for file in manifest.files}
    for told in sorted(listed):
        if PurePosixPath(told).is_absolute() or ".." in PurePosixPath(told).parts:
            yield Fault(code="manifest", where=told, what="names a file outside the release")
    if len(listed) < len(manifest.files):
        yield Fault(code="manifest", where=MANIFEST, what="names a file twice")
    found = set()
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        found.add(name)
        if path.is_symlink():
            yield Fault(code="link", where=name, what="is a link, and a release has files only")
        elif not path.is_file():
            yield Fault(code="extra_file", where=name, what="is no plain file")
        elif name not in listed | {MANIFEST, SUMS}:
            yield Fault(code="extra_file", where=name, what="is not in the manifest")
    for name in sorted((listed | {SUMS}) - found):
        yield Fault(code="missing_file", where=name, what="is not there")


def _walk(folder: Path) -> Iterator[Path]:
    """Everything below a folder but the folders that hold something; links are not followed."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        yield from sorted(here / name for name in files)
        below = (here / name for name in folders)
        yield from sorted(path for path in below if path.is_symlink() or not any(path.iterdir()))


def _compare_sums(text: str, manifest: Manifest) -> Iterator[Fault]:
    """Say which lines of SHA256SUMS differ from what the manifest has."""
    told, expected = (set(its.splitlines()) for its in (text, render_sums(manifest)))
    names = sorted({line.partition("  ")[2] or line for line in told ^ expected})
    for name in names or [SUMS]:
        yield Fault(code="sums", where=name, what="its line in SHA256SUMS is not what the manifest has")


def _check_file(path: Path, file: ReleaseFile) -> Iterator[Fault]:
    size = path.stat().st_size
    if size != file.size_bytes:
        yield Fault(code="file", where=file.path, what=f"has {size} bytes, expected {file.size_bytes}")
    with path.open("rb", buffering=0) as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if digest != file.sha256:
        what = f"is not the file that was released: sha256 {digest[:12]}…, expected {file.sha256[:12]}…"
        yield Fault(code="file", where=file.path, what=what)
