"""Who in a round should be looked at, and why. A flag is a question to a person, never a verdict.

Raters are compared with the middle one of the round, so that a hard task does not make everybody suspect; the
thresholds were set on simulated crowds (`benchmarks/watch.py`), on other seeds than those that README reports.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from math import sqrt
from statistics import median

from sdme_tools.annotation.answers import Answer
from sdme_tools.annotation.intervals import Rate, make_rate
from sdme_tools.annotation.watch import RaterStatus, RoundStatus
from sdme_tools.records.annotation import TaskRole

MIN_ANSWERS = 8
"""Fewer of a kind say nothing."""
BELOW_MIDDLE = 0.05
"""How far below the middle rater a rater's whole interval must lie."""
SURE_Z = 2.576
"""Of the 99 % intervals that flags go by: among many raters the 95 % ones shown would flag too many by chance."""
MIN_EXCESS, MIN_EXCESS_Z = 0.08, 4.5
"""How much more often than others on the same clips a rater must give a label: as a share, and in standard errors."""
RUN_SURPRISE = 1e-4
"""Chance of so long a run of one label, if the clips come in random order, that is remarkable."""
MIN_OF_CLIP, MIN_MS = 0.6, 800
"""Answers in less of the clip's length, or of a time, cannot have been watched."""
MIN_SAME_DEVIATION = 0.6
"""Whoever deviates from all others as another does, more often than this, has their answers from them."""


def flag_raters(status: RoundStatus, answers: Sequence[Answer]) -> RoundStatus:
    """Add to each rater the reasons to look at them."""
    middles = {
        name: median(rates)
        if len(rates := [r.share for r in _rates(status, name) if r.num >= MIN_ANSWERS]) > 2
        else None
        for name in ("gold", "repeats", "with_others")
    }
    pairs = find_copies(answers)
    raters = [
        rater.model_copy(update={"flags": (*_own_flags(rater, middles), *pairs.get(rater.rater_id, ()))})
        for rater in status.raters
    ]
    return status.model_copy(update={"raters": tuple(raters)})


def _rates(status: RoundStatus, name: str) -> Iterator[Rate]:
    for rater in status.raters:
        rate: Rate = getattr(rater, name)
        yield rate


def _own_flags(rater: RaterStatus, middles: dict[str, float | None]) -> Iterator[str]:
    words = {
        "gold": "hidden gold right",
        "repeats": "same answer when asked again",
        "with_others": "as most others",
    }
    for name, middle in middles.items():
        rate: Rate = getattr(rater, name)
        if middle is None or rate.num < MIN_ANSWERS:
            continue
        high = make_rate(rate.num_right, rate.num, SURE_Z).high
        if high < middle - BELOW_MIDDLE:
            yield f"{words[name]}: {rate.share:.0%} of {rate.num} (at most {high:.0%}), the middle rater {middle:.0%}"
    for label, own in rater.label_shares.items():
        others = rater.others_label_shares[label]
        error = sqrt(max(others * (1 - others), 1e-4) / max(1, rater.with_others.num))
        if rater.with_others.num >= MIN_ANSWERS and own - others > max(MIN_EXCESS, MIN_EXCESS_Z * error):
            yield f"leans to {label!r}: in {own:.0%}, the others in {others:.0%} of the same clips"
    if rater.run_label is not None:
        share = rater.others_label_shares[rater.run_label]
        chance = rater.num_done * share**rater.longest_run
        if rater.longest_run >= MIN_ANSWERS and chance < RUN_SURPRISE:
            yield f"straight-lining: {rater.run_label!r} {rater.longest_run} times in a row"
    if rater.median_of_clip is not None and rater.num_done >= MIN_ANSWERS and rater.median_of_clip < MIN_OF_CLIP:
        yield f"too fast: answers after {rater.median_of_clip:.0%} of the clip's length"
    elif rater.median_ms is not None and rater.num_done >= MIN_ANSWERS and rater.median_ms < MIN_MS:
        yield f"too fast: {rater.median_ms:.0f} ms an answer"


def find_copies(answers: Sequence[Answer]) -> dict[str, list[str]]:
    """Rater -> with whom they share answers that nobody else gives.

    Of the items on which a rater deviates from what most of the others say, two who judge by themselves deviate alike
    now and then, where the clip is ambiguous; who copies always does.
    """
    by_item: dict[str, dict[str, str]] = defaultdict(dict)
    for answer in answers:
        if answer.role is TaskRole.REGULAR and answer.label is not None:
            by_item[answer.item_id][answer.rater_id] = answer.label
    alike: Counter[tuple[str, str]] = Counter()
    deviating: Counter[tuple[str, str]] = Counter()
    for said in by_item.values():
        for first, second in combinations(sorted(said), 2):
            rest = Counter(label for rater, label in said.items() if rater not in (first, second)).most_common(2)
            if not rest or (len(rest) == 2 and rest[0][1] == rest[1][1]):
                continue
            for one, other in ((first, second), (second, first)):
                if said[one] != rest[0][0]:
                    deviating[one, other] += 1
                    alike[one, other] += said[one] == said[other]
    found: dict[str, list[str]] = defaultdict(list)
    for (one, other), number in sorted(deviating.items()):
        rate = make_rate(alike[one, other], number)
        if number >= MIN_ANSWERS and rate.low > MIN_SAME_DEVIATION:
            found[one].append(f"deviates from the rest as {other} does: {rate.share:.0%} of {number} times")
    return found
