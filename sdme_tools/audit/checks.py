"""The checks: figures and rows in, findings out.

Every code says one thing that is wrong; its cure stands beside it. Thresholds are where speech clips that people have
recorded do not go; see benchmarks/audit.py for what they find and what they miss.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sdme_tools.audit.items import Item, Row
from sdme_tools.audit.measure import Measurement
from sdme_tools.records.audit import Finding, Severity
from sdme_tools.records.wording import tidy_text

CURES = {
    "media_unreadable": "copy the file again from where it was made, or leave the row out",
    "media_damaged": "copy the file again from where it was made; cut the clip again from its recording",
    "length_mismatch": "cut sound and pictures again from the recording, by the same times",
    "frozen_video": "cut the clip again; where the camera failed, keep the sound alone",
    "silent_audio": "cut the clip again from the right channel, or leave it out",
    "timestamp_gap": "remux the recording, or cut clips around the gap",
    "timestamps_back": "remux the file with rising timestamps",
    "stream_missing": "cut the clip again with sound and pictures, or leave it out",
    "duration_outlier": "look whether the clip was cut at the right places",
    "text_empty": "write the words down, or mark the clip as without words",
    "text_too_long": "look whether this text belongs to this clip, and whether the clip was cut short",
    "text_too_short": "look whether this text belongs to this clip, and whether all of it was written down",
    "orphan_row": "bring the file, or take the row out",
    "orphan_file": "add a row, or take the file away",
    "duplicate_row": "keep one row for each file",
    "duplicate_audio": "keep one of them; over splits, the test set is seen in training",
    "near_duplicate": "listen to both; keep one if they are the same utterance",
    "speaker_in_splits": "split again so that each speaker is in one split only",
    "recording_in_splits": "split again so that each recording is in one split only",
    "file_changed": "restore the file from a backup, or make it again",
    "half_renewed": "run `sdme run` to bring all stages up to date",
    "edit_outdated": "look at both texts with `sdme explain`, then correct or confirm with `sdme transcripts import`",
}
"""Code -> cure."""

_ERRORS = frozenset({
    "media_unreadable", "media_damaged", "frozen_video", "silent_audio", "orphan_row", "duplicate_row",
    "duplicate_audio", "speaker_in_splits", "recording_in_splits", "file_changed",
})  # fmt: skip

MISMATCH_MS, SEVERE_MISMATCH_MS = 250, 500
SEVERE_MISMATCH_SHARE = 0.1
SILENCE = 10 ** (-60 / 20)
"""Full scale is 1: -60 dB."""
FROZEN_MS, FROZEN_SHARE = 800, 0.25
"""Cameras on people never stand still for longer than 200 ms or 7 % of a clip in our material."""
MAX_CHARACTERS_PER_SECOND = 30.0
"""Nobody speaks faster: fast English is at 20 to 25. Source: Pellegrino et al. (2011), Language 87(3), table 1."""
OUTLIER_SCALE = 5.0
"""Robust standard deviations of the logarithm from the median."""
_MIN_SCALE = 0.1
"""Least standard deviation taken for granted, else equally long clips make every other one an outlier."""
_MIN_ITEMS = 8
ALIKE, ALIKE_WITH_TEXT = 0.97, 0.85
"""Likeness (correlation of fingerprints) of two sounds that are one; less will do where the rows say the same text."""
SAME_LENGTH_MS = 60

Measured = Mapping[str, Measurement]


def make_finding(code: str, where: str, what: str, severity: Severity | None = None) -> Finding:
    """A finding with its usual severity and cure."""
    usual = Severity.ERROR if code in _ERRORS else Severity.WARNING
    return Finding(code=code, severity=severity or usual, where=where, what=what, cure=CURES[code])


def find_defects(items: Sequence[Item], measured: Measured) -> list[Finding]:
    """Run every check; findings come in order of place, then code."""
    found: list[Finding] = []
    for item in items:
        for role, key in item.media.items():
            found += _judge_file(item, role, key, measured[key])
    checks: tuple[Callable[[Sequence[Item], Measured], Iterator[Finding]], ...] = (
        _check_streams, _check_durations, _check_texts, _check_duplicates, _check_likeness, _check_splits,
    )  # fmt: skip
    for check in checks:
        found += check(items, measured)
    return sorted(found, key=lambda f: (f.where, f.code, f.what))


def _name(item: Item, role: str) -> str:
    return item.where if role == "file" else f"{item.where} ({role})"


def _judge_file(item: Item, role: str, key: str, m: Measurement) -> Iterator[Finding]:
    del key
    where = _name(item, role)
    if m.problem is not None:
        yield make_finding("media_unreadable", where, m.problem)
        return
    if m.damage:
        yield make_finding("media_damaged", where, "; ".join(m.damage))
    if m.audio_ms is not None and m.video_ms is not None:
        yield from _judge_lengths(where, m.audio_ms, m.video_ms)
    if m.peak is not None and m.peak < SILENCE:
        level = f"{20 * np.log10(m.peak):.0f} dB" if m.peak > 0 else "all zeros"
        yield make_finding("silent_audio", where, f"the sound never rises above -60 dB ({level})")
    if m.video_ms is not None and m.frozen_ms >= max(FROZEN_MS, FROZEN_SHARE * m.video_ms):
        yield make_finding("frozen_video", where, f"the picture stands still for {m.frozen_ms} of {m.video_ms} ms")
    if m.gaps_ms:
        yield make_finding("timestamp_gap", where, f"{m.gaps_ms} ms have no pictures or no sound")
    if m.num_backwards:
        yield make_finding("timestamps_back", where, f"{m.num_backwards} timestamps repeat or go back")


def _judge_lengths(where: str, audio_ms: int, video_ms: int) -> Iterator[Finding]:
    off_ms = abs(audio_ms - video_ms)
    if off_ms > MISMATCH_MS:
        is_severe = off_ms > SEVERE_MISMATCH_MS and off_ms > SEVERE_MISMATCH_SHARE * max(audio_ms, video_ms)
        severity = Severity.ERROR if is_severe else Severity.WARNING
        yield make_finding("length_mismatch", where, f"{audio_ms} ms of sound, {video_ms} ms of pictures", severity)


def _check_streams(items: Sequence[Item], measured: Measured) -> Iterator[Finding]:
    """A clip without sound (or pictures) among clips of which at least nine in ten have it."""
    for role in sorted({role for item in items for role in item.media} - {"recording"}):
        readable = [
            (i, measured[i.media[role]]) for i in items if role in i.media and not measured[i.media[role]].problem
        ]
        for name, stream in (("sound", "audio_ms"), ("pictures", "video_ms")):
            without = [item for item, m in readable if getattr(m, stream) is None]
            if len(without) <= 0.1 * len(readable):
                for item in without:
                    yield make_finding("stream_missing", _name(item, role), f"it has no {name}, as the others have")


def _outliers(values: Sequence[float]) -> NDArray[np.float64]:
    """Robust standard deviations of the logarithms from their median; zeros where there are too few."""
    logs = np.log(np.asarray(values, np.float64))
    if len(logs) < _MIN_ITEMS:
        return np.zeros(len(logs))
    centre = np.median(logs)
    scale = max(_MIN_SCALE, 1.4826 * float(np.median(np.abs(logs - centre))))
    return np.asarray((logs - centre) / scale, np.float64)


def _lengths(items: Sequence[Item], measured: Measured) -> list[tuple[Item, Measurement, int]]:
    """Items whose length is known, with the measurement that stands for them."""
    with_key = [(item, measured[item.primary]) for item in items if item.primary is not None]
    return [(item, m, m.duration_ms) for item, m in with_key if m.duration_ms]


def _check_durations(items: Sequence[Item], measured: Measured) -> Iterator[Finding]:
    known = _lengths(items, measured)
    middle = float(np.median([ms for _, _, ms in known])) if known else 0.0
    for (item, _, ms), off in zip(known, _outliers([ms for _, _, ms in known]), strict=True):
        if abs(off) > OUTLIER_SCALE:
            way = "longer" if off > 0 else "shorter"
            yield make_finding("duration_outlier", item.where, f"{ms} ms, far {way} than the usual {middle:.0f} ms")


def _check_texts(items: Sequence[Item], measured: Measured) -> Iterator[Finding]:
    spoken: list[tuple[Item, float]] = []
    for item in items:
        if item.row is not None and item.row.text is not None and not item.row.text.strip():
            yield make_finding("text_empty", item.where, "the text is empty")
    for item, _, ms in _lengths(items, measured):
        text = item.row.text if item.row else None
        num_characters = sum(c.isalnum() for c in text or "")
        if num_characters:
            spoken.append((item, num_characters * 1000 / ms))
    rates = [rate for _, rate in spoken]
    middle = float(np.median(rates)) if rates else 0.0
    for (item, rate), off in zip(spoken, _outliers(rates), strict=True):
        if rate > MAX_CHARACTERS_PER_SECOND or off > OUTLIER_SCALE:
            severity = Severity.ERROR if rate > MAX_CHARACTERS_PER_SECOND else Severity.WARNING
            what = f"{rate:.0f} characters a second, where {middle:.0f} are usual"
            yield make_finding("text_too_long", item.where, what, severity)
        elif off < -OUTLIER_SCALE:
            yield make_finding(
                "text_too_short", item.where, f"{rate:.1f} characters a second, where {middle:.0f} are usual"
            )


def _check_duplicates(items: Sequence[Item], measured: Measured) -> Iterator[Finding]:
    """The very same sound in several items."""
    by_hash: dict[str, list[Item]] = {}
    for item, m, _ in _lengths(items, measured):
        if m.audio_hash is not None and m.peak is not None and m.peak >= SILENCE:
            by_hash.setdefault(m.audio_hash, []).append(item)
    for same in by_hash.values():
        for first, item in pairwise(same):
            yield make_finding("duplicate_audio", item.where, f"the same sound as {first.where}{_across(first, item)}")


def _across(first: Item, second: Item) -> str:
    splits = [item.row.split for item in (first, second) if item.row and item.row.split]
    return f", which is in split {splits[0]}, this one in {splits[1]}" if len(set(splits)) == 2 else ""


def _check_likeness(items: Sequence[Item], measured: Measured) -> Iterator[Finding]:
    """Sounds of one length that are alike: encoded anew, or cut a little differently."""
    printed = [(item, m, ms) for item, m, ms in _lengths(items, measured) if m.fingerprint is not None]
    printed.sort(key=lambda entry: (entry[2], entry[0].where))
    prints = np.array([m.fingerprint for _, m, _ in printed], np.float64)
    lengths = np.array([ms for _, _, ms in printed], np.int64)
    for i, (item, m, ms) in enumerate(printed):
        end = int(np.searchsorted(lengths, ms + SAME_LENGTH_MS, side="right"))
        likeness = prints[i + 1 : end] @ prints[i]
        for j in np.flatnonzero(likeness >= ALIKE_WITH_TEXT):
            other, its, _ = printed[i + 1 + int(j)]
            wanted = ALIKE_WITH_TEXT if _may_be_one_utterance(item, other) else ALIKE
            if its.audio_hash != m.audio_hash and likeness[j] >= wanted:
                first, second = sorted((item, other), key=lambda entry: entry.where)
                what = f"sounds like {first.where} (likeness {likeness[j]:.2f}){_across(first, second)}"
                yield make_finding("near_duplicate", second.where, what)


def _may_be_one_utterance(first: Item, second: Item) -> bool:
    """Whether the rows say the same text, and not that different people say it."""
    rows = [item.row or Row() for item in (first, second)]
    texts = {tidy_text(row.text or "").casefold() for row in rows}
    speakers = {row.speaker for row in rows} - {None, ""}
    return len(texts) == 1 and texts != {""} and len(speakers) < 2


def _check_splits(items: Sequence[Item], measured: Measured) -> Iterator[Finding]:
    """Speakers and recordings that are in more than one split."""
    del measured
    for code, kind in (("speaker_in_splits", "speaker"), ("recording_in_splits", "recording")):
        splits: dict[str, dict[str, int]] = {}
        for item in items:
            name, split = (getattr(item.row, kind), item.row.split) if item.row else (None, None)
            if name and split:
                counts = splits.setdefault(name, {})
                counts[split] = counts.get(split, 0) + 1
        for name, counts in splits.items():
            if len(counts) > 1:
                told = ", ".join(f"{split} ({count})" for split, count in sorted(counts.items()))
                yield make_finding(code, f"{kind} {name}", f"in several splits: {told}")
