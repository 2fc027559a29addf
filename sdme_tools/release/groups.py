"""What must not be parted: utterances that share a person, a recording, words, … directly or through others."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sdme_tools.corpus.resemblance import Resemblance
from sdme_tools.records.release import ReleaseRow
from sdme_tools.records.splitting import GroupKey, GroupLink
from sdme_tools.release.near_duplicates import MIN_LINE_WORDS, join_near_duplicates, plain_words
from sdme_tools.release.ties import Forest

MAX_VALUE_LENGTH = 80
"""Letters of a text that are shown as evidence."""

Tie = tuple[GroupKey, str]
"""A key and its value; utterances that share one stay together."""


@dataclass(frozen=True)
class Group:
    """Utterances that stay together, by their places among the rows, and why."""

    rows: tuple[int, ...]
    links: tuple[GroupLink, ...]


def list_ties(rows: Sequence[ReleaseRow], keys: Sequence[GroupKey], resemblance: Resemblance) -> list[tuple[Tie, ...]]:
    """List what each row is tied by; rows that share a tie belong together.

    Somebody who is only seen or heard in a recording, without utterances of their own, counts where recordings count.
    """
    if GroupKey.RECORDING not in keys:
        resemblance = replace(resemblance, recordings={})
    texts: Mapping[GroupKey, Sequence[str | None]] = {
        key: values
        for key, list_values in ((GroupKey.TEXT, _cluster_texts), (GroupKey.SENTENCE, _list_lines))
        if key in keys
        for values in [list_values(rows)]
    }
    return [
        tuple((key, value) for key in keys for value in _values(row, key, place, texts, resemblance))
        for place, row in enumerate(rows)
    ]


def _values(
    row: ReleaseRow,
    key: GroupKey,
    place: int,
    texts: Mapping[GroupKey, Sequence[str | None]],
    resemblance: Resemblance,
) -> tuple[str, ...]:
    match key:
        case GroupKey.PARTICIPANT:
            return (row.speaker_id,)
        case GroupKey.RECORDING:
            return (row.recording_id,)
        case GroupKey.SESSION:
            return (row.session_id,)
        case GroupKey.IDENTITY:
            person = resemblance.persons.get(row.speaker_id)
            others = resemblance.recordings.get(row.recording_id, ())
            return tuple(dict.fromkeys([*([person] if person else []), *others]))
    text = texts[key][place]
    return () if text is None else (text,)


def _cluster_texts(rows: Sequence[ReleaseRow]) -> list[str | None]:
    """The text that stands for each row's, where another row says nearly the same."""
    clusters = join_near_duplicates([row.text for row in rows])
    sizes = Counter(clusters)
    return [
        None if cluster is None or sizes[cluster] == 1 else _shorten(" ".join(plain_words(rows[cluster].text)), cluster)
        for cluster in clusters
    ]


def _shorten(text: str, cluster: int) -> str:
    """Long texts by their beginning, and by number, lest two that begin alike be taken for one."""
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}… (text {cluster})"


def _list_lines(rows: Sequence[ReleaseRow]) -> list[str | None]:
    words = [plain_words(row.text) for row in rows]
    return [" ".join(line) if len(line) >= MIN_LINE_WORDS else None for line in words]


def find_groups(
    rows: Sequence[ReleaseRow], keys: Sequence[GroupKey], resemblance: Resemblance | None = None
) -> list[Group]:
    """Join rows that share any tie, directly or through others.

    Args:
        rows: What is divided.
        keys: What ties.
        resemblance: Who may be the same person; for the key identity.
    """
    resemblance = resemblance or Resemblance()
    ties = list_ties(rows, keys, resemblance)
    return [
        Group(tuple(places), _gather_links(ties, places, resemblance.evidence)) for places in join_ties(ties).values()
    ]


def join_ties(ties: Sequence[Sequence[Tie]]) -> dict[int, list[int]]:
    """The connected components: first place -> all places, both rising."""
    forest = Forest(len(ties))
    first: dict[Tie, int] = {}
    for place, mine in enumerate(ties):
        for tie in mine:
            forest.join(first.setdefault(tie, place), place)
    groups: dict[int, list[int]] = {}
    for place in range(len(ties)):
        groups.setdefault(forest.root(place), []).append(place)
    return groups


def _gather_links(
    ties: Sequence[Sequence[Tie]], places: Sequence[int], evidence: Mapping[str, str]
) -> tuple[GroupLink, ...]:
    """Every tie within a group, by how many utterances share it."""
    counts = Counter(tie for place in places for tie in ties[place])
    return tuple(
        GroupLink(
            key=key,
            value=value,
            num_utterances=count,
            detail=evidence.get(value, "") if key is GroupKey.IDENTITY else "",
        )
        for (key, value), count in sorted(counts.items())
    )
