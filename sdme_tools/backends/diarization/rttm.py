"""RTTM: the turns are already known, in NAME.rttm beside NAME.mp4, from people or from another tool.

    SPEAKER <uri> <channel> <start s> <duration s> <NA> <NA> <speaker> <NA> <NA>

Turns are taken at their word: they are the speech. What the voice activity detector finds outside of them is dropped
with the reason no_turn. A speaker who is named like a participant of the recording is that participant; the others stay
voices v1, v2, … by first word.

A file may hold several recordings. Names differ between file systems and tools (é as one character or two, accents
lost on the way), so the recording's turns are, in this order: those whose uri is its file's name or recording_id, the
one uri that differs from them only in accents and capitals, and the only uri in the file.

Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", appendix A.
"""

import math
import unicodedata
from pathlib import Path
from typing import Literal

from sdme_tools.backends.diarization.turns import Turn, assign_turns
from sdme_tools.backends.protocols import Diarization, DiarizationRequest
from sdme_tools.backends.weights import hash_weights
from sdme_tools.errors import BackendError, raise_together
from sdme_tools.records.base import Source
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import DiarizeSection

VERSION = "1"
SUFFIX = ".rttm"
BEYOND_MS = 1000
"""Turns may end this much after the recording: times are rounded, and files are cut."""


class RttmTurns:
    """Turns from a file beside the recording; hears nothing."""

    def __init__(self, settings: DiarizeSection, device: Literal["cpu", "cuda"]) -> None:
        del settings, device

    def identify(self) -> Source:
        """Name the version of the rules; what is read differs from recording to recording."""
        return Source(backend="rttm", version=VERSION)

    def identify_for(self, recording: Recording, source: Path) -> Source:
        """Name the version and the hash of the file that is read.

        Raises:
            BackendError: there is none.
        """
        del recording
        return Source(backend="rttm", version=VERSION, weights=hash_weights(find_rttm(source)))

    def choose_channels(self, recording: Recording) -> tuple[int | None, ...]:
        """The mix."""
        del recording
        return (None,)

    def tell_voices(self, request: DiarizationRequest) -> Diarization:
        """Read the turns.

        Raises:
            BackendError: the file is missing, damaged, empty, or about another recording.
        """
        path = find_rttm(request.source)
        turns = _choose_recording(path, read_rttm(path), request)
        duration_ms = request.recording.duration_ms
        late = [str(turn.span) for turn in turns if turn.span.end_ms > duration_ms + BEYOND_MS]
        raise_together(
            BackendError,
            f"{path}: turns after the end of {request.recording.recording_id} ({duration_ms} ms):",
            late,
            cure="check that the file belongs to this recording, and that its times count from its beginning",
        )
        return assign_turns(turns, request)


def find_rttm(source: Path) -> Path:
    """Find the RTTM beside a recording, however its name's accents are written.

    Raises:
        BackendError: there is none.
    """
    wanted = unicodedata.normalize("NFC", source.stem)
    for path in sorted(source.parent.iterdir()) if source.parent.is_dir() else ():
        if path.suffix.lower() == SUFFIX and unicodedata.normalize("NFC", path.stem) == wanted:
            return path
    raise BackendError(
        f"there is no {source.stem}{SUFFIX} beside {source}",
        cure='put one there, or choose another [diarize] backend; "auto" needs no file',
    )


def read_rttm(path: Path) -> dict[str, list[Turn]]:
    """Return the turns of each uri in a file, in its order.

    Raises:
        BackendError: lists every line that cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BackendError(f"{path} cannot be read: {error}", cure="save it as text in UTF-8") from error
    turns: dict[str, list[Turn]] = {}
    problems = []
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields or fields[0].startswith(";;") or fields[0] != "SPEAKER":
            continue  # comments, and the other objects that RTTM knows (SPKR-INFO, LEXEME, …)
        try:
            turns.setdefault(fields[1], []).append(_parse(fields))
        except (IndexError, ValueError) as error:
            problems.append(f"line {number}: {line.strip()!r} ({error})")
    raise_together(
        BackendError,
        f"{path} has lines that are no RTTM:",
        problems,
        cure="a line reads: SPEAKER uri channel start duration <NA> <NA> speaker <NA> <NA>, times in seconds",
    )
    return turns


def _parse(fields: list[str]) -> Turn:
    start, duration = float(fields[3]), float(fields[4])
    if not (math.isfinite(start) and math.isfinite(duration) and start >= 0 and duration > 0):
        raise ValueError("start must be ≥ 0 and duration > 0")
    start_ms = round(start * 1000)
    return Turn(Span(start_ms=start_ms, end_ms=max(start_ms + 1, round((start + duration) * 1000))), fields[7])


def _choose_recording(path: Path, turns: dict[str, list[Turn]], request: DiarizationRequest) -> list[Turn]:
    recording_id = request.recording.recording_id
    if not turns:
        raise BackendError(
            f"{path} holds no turn for {recording_id}",
            cure='write its turns, or choose another [diarize] backend: "visual" and "single" need no file',
        )
    names = dict.fromkeys((request.source.stem, recording_id))
    for simplify in (_compose, _fold):
        wanted = {simplify(name) for name in names}
        matching = [uri for uri in turns if simplify(uri) in wanted]
        if len(matching) == 1:
            return turns[matching[0]]
    if len(turns) == 1:
        return next(iter(turns.values()))
    which = f"{', '.join(matching)} may all be" if matching else "none of them is"
    raise BackendError(
        f"{path} holds turns of {', '.join(sorted(turns))}; {which} {' or '.join(names)}",
        cure="write the name of the recording's file into the second column of its lines",
    )


def _compose(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _fold(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(character for character in decomposed if not unicodedata.combining(character)).casefold()
