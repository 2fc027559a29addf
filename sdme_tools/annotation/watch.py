"""How a round goes: per rater what is done and how well, per item what was voted. Values in, values out."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median

from sdme_tools.annotation.answers import Answer
from sdme_tools.annotation.intervals import Rate, make_rate
from sdme_tools.records.annotation import Assignment, Item, Round, TaskRole
from sdme_tools.records.base import Record

_PAUSE = timedelta(minutes=5)
"""A longer gap between two answers is no work."""


class RaterStatus(Record):
    """One rater, over all conditions of the round."""

    rater_id: str
    num_assigned: int
    num_done: int
    """Answered or skipped."""
    num_skipped: int
    answers_per_hour: float | None
    """While working; None = times are not told."""
    gold: Rate
    """Right on hidden gold; in adjudication, on decoys."""
    repeats: Rate
    """Same answer when asked again."""
    with_others: Rate
    """Regular items on which they say what most of the others say, of those where the others have a first choice."""
    label_shares: dict[str, float]
    """Of their regular answers."""
    others_label_shares: dict[str, float]
    """Of the others' answers to the same items."""
    shift: float
    """Half the sum of absolute differences of the two: 0 = as the others, 1 = nothing in common."""
    longest_run: int
    """Most answers in a row that were the same."""
    run_label: str | None
    median_ms: float | None
    """Time an answer took, as the annotation tool says."""
    median_of_clip: float | None
    """The same over the length of the clip."""
    flags: tuple[str, ...] = ()
    """Why somebody should look at this rater, in words."""

    @property
    def num_left(self) -> int:
        """Tasks still to do."""
        return max(0, self.num_assigned - self.num_done)


class ItemStatus(Record):
    """Regular votes on one item so far."""

    item_id: str
    num_expected: int
    votes: dict[str, int]


class RoundStatus(Record):
    """A whole round at one moment."""

    round_id: str
    labels: tuple[str, ...]
    """'Cannot tell' last."""
    raters: tuple[RaterStatus, ...]
    items: tuple[ItemStatus, ...]

    @property
    def num_done(self) -> int:
        """Tasks answered or skipped."""
        return sum(rater.num_done for rater in self.raters)

    @property
    def num_assigned(self) -> int:
        """All tasks."""
        return sum(rater.num_assigned for rater in self.raters)


def watch(
    campaign: Round,
    items: Sequence[Item],
    assignments: Sequence[Assignment],
    answers: Sequence[Answer],
    durations_ms: Mapping[str, int],
) -> RoundStatus:
    """Measure a round, without judging anybody; see `suspicion` for that.

    Args:
        campaign: The round.
        items: Its items.
        assignments: Its tasks; none where votes were made elsewhere, then all votes were asked for.
        answers: What was answered so far.
        durations_ms: Utterance -> length of its clip.
    """
    labels = (*campaign.labels, campaign.cannot_tell)
    by_rater: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_rater[answer.rater_id].append(answer)
    assigned = Counter(task.rater_id for task in assignments) or Counter({r: len(a) for r, a in by_rater.items()})
    regular = [a for a in answers if a.role is TaskRole.REGULAR and a.label is not None]
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for answer in regular:
        votes[answer.item_id][str(answer.label)] += 1
    gold = {item.item_id: item.gold_label for item in items if item.gold_label is not None}
    expected = Counter(t.item_id for t in assignments if t.role is TaskRole.REGULAR)
    expected = expected or Counter({name: sum(counts.values()) for name, counts in votes.items()})
    return RoundStatus(
        round_id=campaign.round_id,
        labels=labels,
        raters=tuple(
            _measure(name, assigned[name], by_rater[name], labels, votes, gold, durations_ms)
            for name in sorted({*assigned, *by_rater})
        ),
        items=tuple(
            ItemStatus(item_id=i.item_id, num_expected=expected[i.item_id], votes=_in_order(votes[i.item_id], labels))
            for i in items
            if i.item_id in expected
        ),
    )


def _in_order(counts: Mapping[str, int], labels: Sequence[str]) -> dict[str, int]:
    return {label: counts[label] for label in labels if counts.get(label)}


def _measure(
    rater_id: str,
    num_assigned: int,
    answers: Sequence[Answer],
    labels: Sequence[str],
    votes: Mapping[str, Mapping[str, int]],
    gold: Mapping[str, str | None],
    durations_ms: Mapping[str, int],
) -> RaterStatus:
    said = [a for a in answers if a.label is not None]
    regular = [a for a in said if a.role is TaskRole.REGULAR]
    first = {a.item_id: a.label for a in regular}
    again = [(a, first[a.item_id]) for a in said if a.role is TaskRole.REPEAT and a.item_id in first]
    hidden = [a for a in said if a.role in (TaskRole.GOLD, TaskRole.DECOY) and a.item_id in gold]
    choices = [(a.label, choice) for a in regular if (choice := _first_choice(_others(a, votes))) is not None]
    own = Counter(str(a.label) for a in regular)
    others = sum((_normal(_others(a, votes)) for a in regular), Counter[str]())
    shares, others_shares = (_shares(counts, labels) for counts in (own, others))
    known_others = any(others.values())
    run, run_label = _longest_run(said)
    times = [a.lead_ms for a in said if a.lead_ms is not None]
    relative = [
        a.lead_ms / durations_ms[a.utterance_id]
        for a in said
        if a.lead_ms is not None and a.utterance_id in durations_ms
    ]
    return RaterStatus(
        rater_id=rater_id,
        num_assigned=num_assigned,
        num_done=len(answers),
        num_skipped=len(answers) - len(said),
        answers_per_hour=_pace(answers),
        gold=make_rate(sum(a.label == gold[a.item_id] for a in hidden), len(hidden)),
        repeats=make_rate(sum(a.label == before for a, before in again), len(again)),
        with_others=make_rate(sum(label == choice for label, choice in choices), len(choices)),
        label_shares=shares,
        others_label_shares=others_shares,
        shift=sum(abs(shares[x] - others_shares[x]) for x in labels) / 2 if known_others and regular else 0.0,
        longest_run=run,
        run_label=run_label,
        median_ms=median(times) if times else None,
        median_of_clip=median(relative) if relative else None,
    )


def _others(answer: Answer, votes: Mapping[str, Mapping[str, int]]) -> Counter[str]:
    """What the others answered to the same item."""
    counts = Counter(votes[answer.item_id])
    counts[str(answer.label)] -= 1
    return +counts


def _first_choice(counts: Counter[str]) -> str | None:
    """The most frequent answer; None where there is none or several are."""
    ranked = counts.most_common(2)
    return ranked[0][0] if len(ranked) == 1 or (ranked and ranked[0][1] > ranked[1][1]) else None


def _normal(counts: Counter[str]) -> Counter[str]:
    """Each item weighs the same, however many others answered."""
    total = sum(counts.values())
    return Counter({label: number / total for label, number in counts.items()})


def _shares(counts: Mapping[str, float], labels: Sequence[str]) -> dict[str, float]:
    total = sum(counts.values())
    return {label: round(counts.get(label, 0) / total, 4) if total else 0.0 for label in labels}


def _longest_run(answers: Sequence[Answer]) -> tuple[int, str | None]:
    """The longest run of one answer, in the order in which each condition was worked through."""
    best: tuple[int, str | None] = (0, None)
    for queue in _queues(answers):
        length, held = 0, None
        for answer in queue:
            length = length + 1 if answer.label == held else 1
            held = answer.label
            best = max(best, (length, held), key=lambda pair: pair[0])
    return best


def _queues(answers: Sequence[Answer]) -> Iterator[list[Answer]]:
    for condition in sorted({answer.condition for answer in answers}):
        queue = [a for a in answers if a.condition is condition and a.order is not None]
        yield sorted(queue, key=lambda a: a.order or 0)


def _pace(answers: Sequence[Answer]) -> float | None:
    """Answers an hour of work; pauses do not count."""
    times = sorted(answer.at for answer in answers if answer.at is not None)
    gaps = [gap for a, b in pairwise(times) if (gap := b - a) <= _PAUSE]
    worked = sum(gaps, timedelta()).total_seconds()
    return round(len(gaps) * 3600 / worked, 1) if worked > 0 else None
