"""What can be counted in the rows of a release, and what stands in two splits: pure functions of what was read back."""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import quantiles

from sdme_tools.records.certificate import Histogram, LeakCheck, ReleaseFigures, SpeakerFigures
from sdme_tools.records.release import Split, SplitSummary
from sdme_tools.records.splitting import SplitReport
from sdme_tools.release.proof import MeasuredRow

DURATION_EDGES_S = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 3600.0)
SHARE_EDGES = tuple(place / 10 for place in range(11))
_MAX_EXAMPLES = 5


def measure_figures(
    rows: Sequence[MeasuredRow], media: Mapping[str, Mapping[str, str]], labels: Sequence[str]
) -> ReleaseFigures:
    """Count everything that the card tells of the rows."""
    durations = sorted(row.duration_ms for row in rows)
    quartiles = quantiles(durations, n=4, method="inclusive") if len(durations) > 1 else durations * 3
    raters = Counter(row.num_raters for row in rows)
    languages = Counter(row.language or "" for row in rows)
    return ReleaseFigures(
        num_utterances=len(rows),
        num_recordings=len({row.recording_id for row in rows}),
        num_sessions=len({row.session_id for row in rows}),
        duration_ms=sum(durations),
        duration_quartiles_ms=(durations[0], *(round(q) for q in quartiles), durations[-1]),
        durations_s=_make_histogram((ms / 1000 for ms in durations), DURATION_EDGES_S),
        splits=summarise_splits(rows, labels),
        labels=_count_labels(rows, labels),
        speakers=tuple(_measure_speakers(rows, labels)),
        languages=dict(sorted(languages.items(), key=lambda item: (-item[1], item[0]))),
        num_words=sum(len(row.text.split()) for row in rows),
        num_edited_texts=sum(row.text_edited for row in rows),
        num_empty_texts=sum(not row.text.strip() for row in rows),
        num_faces=sum("face" in media.get(row.utterance_id, {}) for row in rows),
        raters_per_utterance=dict(sorted(raters.items())),
        label_shares=_make_histogram(
            (row.votes.get(row.label or "", 0) / row.num_raters for row in rows if row.num_raters), SHARE_EDGES
        ),
    )


def summarise_splits(rows: Sequence[MeasuredRow], labels: Sequence[str]) -> dict[Split, SplitSummary]:
    """Count each split that has rows."""
    by_split: dict[str, list[MeasuredRow]] = defaultdict(list)
    for row in rows:
        by_split[row.split].append(row)
    return {
        split: SplitSummary(
            num_utterances=len(mine),
            num_speakers=len({row.speaker_id for row in mine}),
            duration_ms=sum(row.duration_ms for row in mine),
            labels=_count_labels(mine, labels),
        )
        for split in Split
        if (mine := by_split.get(split.value))
    }


def _count_labels(rows: Iterable[MeasuredRow], labels: Sequence[str]) -> dict[str, int]:
    counts = Counter(row.label for row in rows)
    return {label: counts[label] for label in labels}


def _measure_speakers(rows: Sequence[MeasuredRow], labels: Sequence[str]) -> Iterable[SpeakerFigures]:
    by_speaker: dict[str, list[MeasuredRow]] = defaultdict(list)
    for row in rows:
        by_speaker[row.speaker_id].append(row)
    for speaker_id, mine in sorted(by_speaker.items()):
        yield SpeakerFigures(
            speaker_id=speaker_id,
            split=Split(mine[0].split),
            num_utterances=len(mine),
            duration_ms=sum(row.duration_ms for row in mine),
            labels=_count_labels(mine, labels),
        )


def _make_histogram(values: Iterable[float], edges: Sequence[float]) -> Histogram:
    counts = [0] * (len(edges) - 1)
    for value in values:
        counts[min(max(bisect_right(edges, value) - 1, 0), len(counts) - 1)] += 1
    return Histogram(edges=tuple(edges), counts=tuple(counts))


def find_leaks(
    rows: Sequence[MeasuredRow], media: Mapping[str, Mapping[str, str]], report: SplitReport, group_by: Sequence[str]
) -> tuple[LeakCheck, ...]:
    """Look for everything that two utterances of different splits or folds should not share.

    Args:
        rows: The released utterances.
        media: Utterance -> media column -> SHA-256 of its bytes.
        report: The groups, for what rows do not tell: identities that people linked.
        group_by: What the release promises not to share.
    """
    values: dict[str, Callable[[MeasuredRow], str | None]] = {
        "participant": lambda row: row.speaker_id,
        "recording": lambda row: row.recording_id,
        "session": lambda row: row.session_id,
        "text": lambda row: _plain_words(row.text),
        "voice": lambda row: media.get(row.utterance_id, {}).get("voice"),
        "face": lambda row: media.get(row.utterance_id, {}).get("face"),
    }
    checks = [_check(name, rows, value_of, is_barred=name in group_by) for name, value_of in values.items()]
    return (*checks, _check_identities(report, is_barred="identity" in group_by))


def _plain_words(text: str) -> str | None:
    """Words without case and punctuation; None for fewer than three, which anybody may say."""
    words = re.findall(r"\w+", text.casefold())
    return " ".join(words) if len(words) >= 3 else None


def _check(
    of: str, rows: Iterable[MeasuredRow], value_of: Callable[[MeasuredRow], str | None], *, is_barred: bool
) -> LeakCheck:
    places: dict[str, set[tuple[str, int | None]]] = defaultdict(set)
    examples: dict[str, str] = {}
    for row in rows:
        value = value_of(row)
        if value is not None:
            places[value].add(row.place)
            examples.setdefault(value, row.utterance_id if of in ("voice", "face") else value)
    return _tell(of, {examples[value]: its for value, its in places.items()}, is_barred=is_barred)


def _check_identities(report: SplitReport, *, is_barred: bool) -> LeakCheck:
    places: dict[str, set[tuple[str, int | None]]] = defaultdict(set)
    for group in report.groups:
        for link in group.links:
            if link.key.value == "identity":
                places[link.value].add((group.split.value, group.fold))
    return _tell("identity", places, is_barred=is_barred)


def _tell(of: str, places: Mapping[str, set[tuple[str, int | None]]], *, is_barred: bool) -> LeakCheck:
    shared = sorted(value for value, its in places.items() if len(its) > 1)
    return LeakCheck(
        of=of,
        is_barred=is_barred,
        num_compared=len(places),
        num_shared=len(shared),
        examples=tuple(shared[:_MAX_EXAMPLES]),
    )
