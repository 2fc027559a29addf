"""Sidecar: the words are already there, in a file next to the recording.

The first of these that exists beside `dinner.mp4` is read, and no other:

1. `dinner.srt`    SubRip
2. `dinner.vtt`    WebVTT
3. `dinner.json`   [{"start_ms": 0, "end_ms": 900, "text": "hello", "language": "en"}, …], language optional; or what
   whisper writes: {"segments": [{"start": 0.0, "end": 0.9, "text": "hello"}, …]}
4. `dinner.txt`    plain text, only where the recording has a single utterance

Subtitles come first, because a .json or .txt of the same name may well be about something else.

Whose words they are is told by time. A cue goes to the utterance that it overlaps; words of a cue that overlaps several
are dealt out in order, in proportion to the overlaps. Time in which several utterances speak at once counts for the one
that the cue overlaps most. An overlap shorter than 300 ms and than half of the utterance is taken for inexact timing
where the cue has a longer one. A cue that overlaps no utterance is left out.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

from sdme_tools.backends.asr.cues import Cue, read_json, read_srt, read_text, read_vtt
from sdme_tools.backends.protocols import TranscriptionRequest
from sdme_tools.backends.weights import hash_weights
from sdme_tools.errors import BackendError
from sdme_tools.records.base import Source
from sdme_tools.records.span import Span, covered_ms
from sdme_tools.records.stage_config import TranscribeSection
from sdme_tools.records.utterance import Transcript

VERSION = "2"
"""Of the rules above; a change of them makes transcripts stale."""

INEXACT_MS = 300

_READERS: dict[str, Callable[[Path], list[Cue]]] = {".srt": read_srt, ".vtt": read_vtt, ".json": read_json}
SUFFIXES = (*_READERS, ".txt")


class SidecarTranscriber:
    """Transcripts from files beside the recordings; hears nothing."""

    def __init__(self, settings: TranscribeSection, device: Literal["cpu", "cuda"]) -> None:
        del device
        self._language = settings.language or None

    def identify(self) -> Source:
        """Name the version of the rules; what is read differs from recording to recording."""
        return Source(backend="sidecar", version=VERSION)

    def identify_for(self, recording: Path) -> Source:
        """Name the version and the hash of the file that is read for a recording.

        Raises:
            BackendError: there is none.
        """
        return Source(backend="sidecar", version=VERSION, weights=hash_weights(find_sidecar(recording)))

    def transcribe(self, requests: Sequence[TranscriptionRequest]) -> list[Transcript]:
        """Return the words that the sidecars give each utterance; empty (and flagged) where they give none.

        Raises:
            BackendError: a sidecar is missing or malformed, or is plain text beside several utterances.
        """
        by_recording: dict[Path, list[TranscriptionRequest]] = {}
        for request in requests:
            by_recording.setdefault(request.recording, []).append(request)
        made = {
            transcript.utterance_id: transcript
            for recording, its_requests in by_recording.items()
            for transcript in self._transcribe_recording(recording, its_requests)
        }
        return [made[request.utterance_id] for request in requests]

    def _transcribe_recording(self, recording: Path, requests: list[TranscriptionRequest]) -> list[Transcript]:
        sidecar, source = find_sidecar(recording), self.identify_for(recording)
        cues = [_read_plain(sidecar, requests)] if sidecar.suffix == ".txt" else _READERS[sidecar.suffix](sidecar)
        given: list[list[str]] = [[] for _ in requests]
        languages: list[str | None] = [self._language] * len(requests)
        for cue in cues:
            for place, words in deal_cue(cue, requests):
                given[place] += words
                languages[place] = languages[place] or cue.language
        return [
            Transcript(
                utterance_id=request.utterance_id,
                text=" ".join(words),
                language=language,
                flags=() if words else ("empty",),
                source=source,
            )
            for request, words, language in zip(requests, given, languages, strict=True)
        ]


def find_sidecar(recording: Path) -> Path:
    """Return the file beside a recording that holds its words, by the precedence of this module.

    Raises:
        BackendError: there is none; names the paths looked for.
    """
    candidates = [recording.with_suffix(suffix) for suffix in SUFFIXES]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise BackendError(
        f"no transcript lies beside {recording}: looked for {', '.join(path.name for path in candidates)}",
        cure='put one there, or set [transcribe] backend = "whisper" in corpus.toml',
    )


def deal_cue(cue: Cue, requests: Sequence[TranscriptionRequest]) -> list[tuple[int, list[str]]]:
    """Deal the words of a cue out to the utterances it overlaps; every word once, or none where it overlaps none.

    Returns:
        Place of the request and its words, in order of time.
    """
    shares = _share_time(cue, requests)
    words, total_ms = cue.text.split(), sum(shares.values())
    bounds, passed_ms = [0], 0
    for share_ms in shares.values():
        passed_ms += share_ms
        bounds.append((2 * len(words) * passed_ms + total_ms) // (2 * total_ms))
    return [(place, words[first:end]) for place, (first, end) in zip(shares, pairwise(bounds), strict=True)]


def _share_time(cue: Cue, requests: Sequence[TranscriptionRequest]) -> dict[int, int]:
    """Return the milliseconds of a cue that count for each utterance, by place of the request, in order of time."""
    common = {place: both for place, request in enumerate(requests) if (both := cue.span.intersect(request.span))}
    shares: dict[int, int] = {}
    claimed: list[Span] = []
    for place in sorted(common, key=lambda place: (-common[place].duration_ms, common[place].start_ms)):
        both = common[place]
        share_ms = both.duration_ms - covered_ms(claimed, both)
        if not shares or share_ms >= INEXACT_MS or 2 * share_ms >= requests[place].span.duration_ms:
            shares[place] = share_ms
            claimed.append(both)
    return {place: shares[place] for place in sorted(shares, key=lambda place: common[place].start_ms)}


def _read_plain(sidecar: Path, requests: list[TranscriptionRequest]) -> Cue:
    if len(requests) > 1:
        raise BackendError(
            f"{sidecar} gives no times, and its recording has {len(requests)} utterances: whose words are they?",
            cure=f"give times in {sidecar.with_suffix('.srt').name} or {sidecar.with_suffix('.json').name}",
        )
    return Cue(requests[0].span, read_text(sidecar))
