"""WebVTT: cues with identifiers and voices, read strictly and written so that any text survives.

pysubs2 drops identifiers into the text of the cue before and leaves &amp; as it stands, so the format is read here.

Source: W3C, WebVTT: The Web Video Text Tracks Format, https://www.w3.org/TR/webvtt1/ (4.1 structure, 6.4 cue text).
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_ARROW = "-->"
_TIME = r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})"
_TIMING = re.compile(rf"[ \t]*{_TIME}[ \t]+-->[ \t]+{_TIME}(?:[ \t].*)?")
_TAG = re.compile(r"</?(?:[a-zA-Z][^<>]*|\d[\d:.]*)?>")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]+([^<>]+)>")
EXAMPLE = "00:00:01.000 --> 00:00:02.500"


@dataclass(frozen=True)
class VttCue:
    """One cue of a file; `text` is plain, without tags and escapes, its lines joined by a space."""

    identifier: str
    """Empty where it has none."""
    start_ms: int
    end_ms: int
    text: str
    voice: str = ""
    """Who speaks, by the first <v …> of the cue."""
    line: int = 0
    """1-based line of its times in the file that it was read from."""


@dataclass(frozen=True)
class VttFile:
    """What a file holds."""

    cues: tuple[VttCue, ...]
    notes: tuple[str, ...]
    """Its comments, each without the word NOTE."""
    problems: tuple[str, ...]
    """What is malformed, each with its line."""


def parse_vtt(content: str) -> VttFile:
    """Read a WebVTT file; what is malformed is listed, never skipped quietly."""
    if not re.match(r"WEBVTT(?:[ \t\n]|$)", content):
        return VttFile((), (), (f"line 1: got {content[:20]!r}, expected WEBVTT",))
    cues: list[VttCue] = []
    notes: list[str] = []
    problems: list[str] = []
    for number, block in _blocks(content):
        if re.match(r"NOTE(?:[ \t]|$)", block[0]):
            notes.append("\n".join([block[0][4:].strip(), *block[1:]]).strip())
        elif not re.fullmatch(r"(?:STYLE|REGION)[ \t]*", block[0]):
            cue = _parse_cue(number, block, problems)
            cues += [cue] if cue else []
    return VttFile(tuple(cues), tuple(notes), tuple(problems))


def _blocks(content: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the blocks below the header, with the number of their first line."""
    lines = content.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    header_end = next((i for i, line in enumerate(lines) if not line), len(lines))
    block: list[str] = []
    for number, line in enumerate([*lines[header_end:], ""], start=header_end + 1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _parse_cue(number: int, block: list[str], problems: list[str]) -> VttCue | None:
    has_name = _ARROW not in block[0]
    place, payload = number + has_name, block[1 + has_name :]
    timing = block[has_name] if len(block) > has_name else ""
    found = _TIMING.fullmatch(timing)
    wrong = [(place, timing)] if found is None else []
    wrong += [(place + 1 + i, line) for i, line in enumerate(payload) if _ARROW in line]
    problems += [f"line {at}: got {line.strip()!r}, expected a time such as {EXAMPLE}" for at, line in wrong]
    if found is None or wrong:
        return None
    start_ms, end_ms = _to_ms(found.groups()[:4]), _to_ms(found.groups()[4:])
    if end_ms <= start_ms:
        problems.append(f"line {place}: the cue at {start_ms} ms ends at {end_ms} ms, before it starts")
        return None
    raw = " ".join(line.strip() for line in payload)
    voice = _VOICE.search(raw)
    return VttCue(
        identifier=block[0].strip() if has_name else "",
        start_ms=start_ms,
        end_ms=end_ms,
        text=" ".join(html.unescape(_TAG.sub("", raw)).split(" ")).strip(),
        voice=html.unescape(voice.group(1)).strip() if voice else "",
        line=place,
    )


def _to_ms(parts: Iterable[str | None]) -> int:
    hours, minutes, seconds, ms = (int(part or 0) for part in parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms


def render_vtt(cues: Iterable[VttCue], *, head: str = "", foot: str = "") -> str:
    """Write a WebVTT file; `head` and `foot` are comments (no blank lines or arrows) around the cues."""
    blocks = ["WEBVTT", *([f"NOTE {head}"] if head else [])]
    for cue in sorted(cues, key=lambda c: (c.start_ms, c.end_ms, c.identifier)):
        voice = f"<v {escape(cue.voice)}>" if cue.voice else ""
        name = f"{cue.identifier}\n" if cue.identifier else ""
        blocks.append(f"{name}{_time(cue.start_ms)} {_ARROW} {_time(cue.end_ms)}\n{voice}{escape(cue.text)}")
    return "\n\n".join([*blocks, *([f"NOTE {foot}"] if foot else [])]) + "\n"


def escape(text: str) -> str:
    """Write plain text as cue text, on one line: '<', '&' and '-->' are no markup in it."""
    flat = re.sub(r"[\r\n]+", " ", text)
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(t_ms: int) -> str:
    seconds, ms = divmod(t_ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}"
