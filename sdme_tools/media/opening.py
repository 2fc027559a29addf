"""Opening media files: the one place where FFmpeg's errors become ours."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import av.logging
from av.container import InputContainer

from sdme_tools.errors import MediaError

_REFUSED_FORMATS = {"tty", "hls", "dash", "concat", "image2", "sdp", "rtsp", "applehttp"}
"""FFmpeg takes text for terminal art, and playlists point at other files: none of them is a recording."""


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open a media file for reading; FFmpeg stays silent and may touch no other file and no network.

    Raises:
        MediaError: the file is missing, unreadable, empty, not media or damaged, also while the caller reads it.
    """
    check_readable(path)
    silence()
    try:
        with av.open(str(path.absolute()), options={"protocol_whitelist": "file"}) as container:
            names = set(container.format.name.split(","))
            if names & _REFUSED_FORMATS or container.format.name.endswith("_pipe"):
                raise _not_media(path)
            yield container
    except av.error.FFmpegError as error:
        raise _explain(path, error) from error


def silence() -> None:
    """Keep FFmpeg from printing.

    Any level but None can deadlock: its callback needs the lock that closing a threaded decoder holds.
    """
    av.logging.set_level(None)


def check_readable(path: Path) -> None:
    """Check that the path is a regular file with content that we may read.

    Raises:
        MediaError: it is missing, a folder, empty or forbidden.
    """
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise MediaError(f"{path} is a folder, not a media file", cure="name the files in it, such as DIR/*.mp4")
        if not stat.S_ISREG(found.st_mode):
            raise MediaError(f"{path} is not a regular file", cure="copy the recording to a file first")
        if found.st_size == 0:
            raise MediaError(f"{path} is empty (0 bytes)", cure="copy the recording again from where it was made")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise MediaError(f"{path} does not exist", cure="check the path, or mount the disk it lies on") from error
    except PermissionError as error:
        raise MediaError(
            f"{path} may not be read by this user", cure=f"chmod u+r '{path}', or ask its owner"
        ) from error
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}", cure="check the path and the disk") from error


def to_us(pts: int, time_base: Fraction) -> int:
    """Convert a stream's timestamp to microseconds, rounded to the nearest."""
    return (2 * pts * time_base.numerator * 1_000_000 + time_base.denominator) // (2 * time_base.denominator)


def us_to_ms(time_us: int) -> int:
    """Round microseconds to the nearest millisecond."""
    return (time_us + 500) // 1000


def _not_media(path: Path) -> MediaError:
    return MediaError(
        f"{path} is not an audio or video file that FFmpeg can read",
        cure="give a recording (mp4, mov, mkv, avi, mpg, wav, flac, mp3 …); convert other formats first",
    )


def _explain(path: Path, error: av.error.FFmpegError) -> MediaError:
    if isinstance(error, av.error.InvalidDataError):
        if _lacks_index(path):
            return MediaError(
                f"{path} has no index (moov box): its recording or copying was interrupted",
                cure="copy it again; if the original is like this, repair it (untrunc) with a file of the same camera",
            )
        return _not_media(path)
    return MediaError(f"{path} cannot be read: {error.strerror}", cure="play it in a media player; copy it again")


def _lacks_index(path: Path) -> bool:
    """Whether the file is of the MP4 family and has media data but no moov box."""
    with path.open("rb") as file:
        boxes = set(_top_level_boxes(file))
    return b"moov" not in boxes and bool(boxes & {b"ftyp", b"mdat"})


def _top_level_boxes(file: BinaryIO) -> Iterator[bytes]:
    """Yield the names of an MP4 file's outermost boxes. Source: ISO/IEC 14496-12, 4.2."""
    while len(header := file.read(8)) == 8:
        size = int.from_bytes(header[:4], "big")
        yield header[4:]
        if size == 1:
            size = int.from_bytes(file.read(8), "big")
            file.seek(size - 16, os.SEEK_CUR)
        elif size < 8:
            return
        else:
            file.seek(size - 8, os.SEEK_CUR)
