"""Transcripts that somebody else made: reading .srt, .vtt and .json into cues.

A cue is a text with its place on the recording's clock. The readers are strict: a line that only looks like a time, or
an entry that lacks one, is an error with its place, since a cue that is quietly skipped would be speech without words.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sdme_tools.backends.asr.webvtt import parse_vtt
from sdme_tools.backends.packages import require_package
from sdme_tools.errors import BackendError, raise_together
from sdme_tools.records.span import Span

_ARROW = "-->"
_SRT_TIME = r"\d{1,2}:\d{2}:\d{2}[,.]\d{1,3}"
_SRT_EXAMPLE = "00:00:01,000 --> 00:00:02,500"
_SRT_TIMING = re.compile(rf"\s*{_SRT_TIME}\s*-->\s*{_SRT_TIME}(?:\s.*)?")


@dataclass(frozen=True)
class Cue:
    """A text with its place on the recording's clock."""

    span: Span
    text: str
    language: str | None = None


def read_srt(path: Path) -> list[Cue]:
    """Read SubRip cues in order of time.

    Raises:
        BackendError: pysubs2 is not installed, or the file is malformed; names the lines.
    """
    pysubs2 = require_package("pysubs2")
    content = read_text(path)
    problems = list(_find_bad_timings(content))
    # pysubs2 takes a broken time for text, so the lines are looked at first.
    events = [] if problems else pysubs2.SSAFile.from_string(content, format_="srt").events
    problems += [f"the cue at {e.start} ms ends at {e.end} ms, before it starts" for e in events if e.end <= e.start]
    if not problems and not events and content.strip():
        problems.append(f"no cue found; expected lines such as {_SRT_EXAMPLE}")
    raise_together(BackendError, f"{path} is malformed:", problems, cure="correct the lines named, or remove the file")
    cues = [
        Cue(Span(start_ms=event.start, end_ms=event.end), " ".join(event.plaintext.split()))
        for event in events
        if not event.is_comment
    ]
    return _in_order(cues)


def read_vtt(path: Path) -> list[Cue]:
    """Read WebVTT cues in order of time.

    Raises:
        BackendError: the file is malformed; names the lines.
    """
    file = parse_vtt(read_text(path))
    if file.problems:
        raise _malformed(path, list(file.problems))
    spans = (Span(start_ms=cue.start_ms, end_ms=cue.end_ms) for cue in file.cues)
    return _in_order([Cue(span, " ".join(cue.text.split())) for span, cue in zip(spans, file.cues, strict=True)])


def read_text(path: Path) -> str:
    """Read a text file in UTF-8, with or without byte order mark.

    Raises:
        BackendError: the file cannot be read, or holds another encoding; names the line.
    """
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BackendError(f"{path}, line {line}: this is not UTF-8", cure="save the file in UTF-8") from error
    except OSError as error:
        raise BackendError(
            f"{path} cannot be read: {error.strerror or error}", cure="check the file and its permissions"
        ) from error


def _find_bad_timings(content: str) -> list[str]:
    """Find lines with an arrow that give no time, and cue numbers that no time follows."""
    problems = []
    lines = content.split("\n")
    for number, line in enumerate(lines, start=1):
        opens_block = number == 1 or not lines[number - 2].strip()
        follower = lines[number] if number < len(lines) else ""
        if _ARROW in line and not _SRT_TIMING.fullmatch(line):
            problems.append(f"line {number}: got {line.strip()!r}, expected a time such as {_SRT_EXAMPLE}")
        elif opens_block and line.strip().isdigit() and _ARROW not in follower:
            problems.append(f"line {number + 1}: got {follower.strip()!r}, expected a time such as {_SRT_EXAMPLE}")
    return problems


class _OwnCue(BaseModel):
    """An entry of our own form."""

    model_config = ConfigDict(extra="forbid", strict=True)
    start_ms: Annotated[int, Field(ge=0)]
    end_ms: int
    text: str
    language: str | None = None


class _Segment(BaseModel):
    """An entry of what whisper writes; it holds much else besides."""

    model_config = ConfigDict(extra="ignore")
    start: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    end: Annotated[float, Field(allow_inf_nan=False)]
    text: str


class _WhisperFile(BaseModel):
    model_config = ConfigDict(extra="ignore")
    segments: list[_Segment]
    language: str | None = None


def read_json(path: Path) -> list[Cue]:
    """Read [{"start_ms", "end_ms", "text", "language"?}, …] or whisper's own {"segments": [{"start", "end", "text"}]}.

    Ours gives integer milliseconds, whisper's gives seconds.

    Raises:
        BackendError: the file is neither; names the line of broken JSON, or the entries.
    """
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise _malformed(path, [f"line {error.lineno}, column {error.colno}: {error.msg}"]) from error
    reader: Callable[[object], list[tuple[int, int, str, str | None]]]
    reader = _read_whisper if isinstance(content, dict) else _read_own
    try:
        entries = reader(content)
    except ValidationError as error:
        raise _malformed(path, [_describe(problem["loc"], problem["msg"]) for problem in error.errors()]) from error
    backwards = [
        f"entry {place}: ends at {end_ms} ms, not after it starts at {start_ms} ms"
        for place, (start_ms, end_ms, _, _) in enumerate(entries, start=1)
        if end_ms <= start_ms
    ]
    if backwards:
        raise _malformed(path, backwards)
    return _in_order(
        [
            Cue(Span(start_ms=start_ms, end_ms=end_ms), " ".join(text.split()), language)
            for start_ms, end_ms, text, language in entries
        ]
    )


def _read_own(content: object) -> list[tuple[int, int, str, str | None]]:
    entries = TypeAdapter(list[_OwnCue]).validate_python(content)
    return [(entry.start_ms, entry.end_ms, entry.text, entry.language) for entry in entries]


def _read_whisper(content: object) -> list[tuple[int, int, str, str | None]]:
    file = _WhisperFile.model_validate(content)
    return [(round(s.start * 1000), round(s.end * 1000), s.text, file.language) for s in file.segments]


def _describe(place: tuple[int | str, ...], message: str) -> str:
    names = [f"entry {part + 1}" if isinstance(part, int) else part for part in place]
    return f"{', '.join(names) or 'the file'}: {message}"


def _malformed(path: Path, problems: list[str]) -> BackendError:
    lines = "".join(f"\n  - {problem}" for problem in problems[:50])
    return BackendError(f"{path} is malformed:{lines}", cure="correct what is named, or remove the file")


def _in_order(cues: list[Cue]) -> list[Cue]:
    return sorted((cue for cue in cues if cue.text), key=lambda cue: (cue.span.start_ms, cue.span.end_ms))
