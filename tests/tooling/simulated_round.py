"""Finished rounds of raters whose kind is known, made through the real assignment: for tests and benchmarks."""

import random
from datetime import UTC, datetime, timedelta

from sdme_tools.annotation.answers import Answer
from sdme_tools.annotation.assign import Material, assign
from sdme_tools.annotation.suspicion import flag_raters
from sdme_tools.annotation.watch import RoundStatus, watch
from sdme_tools.records.annotation import Condition, Item, Round, RoundDesign, make_item_id

LABELS = ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust")
SHARES = (0.34, 0.2, 0.14, 0.14, 0.08, 0.05, 0.05)
NEIGHBOUR = dict(
    zip(LABELS, ("sadness", "surprise", "neutral", "disgust", "happiness", "surprise", "anger"), strict=True)
)
CROWD = ("accurate",) * 6 + ("lazy",) * 2 + ("biased", "random", "one_label") + ("collusive",) * 2
"""Accurate: right in 85 % of easy clips and 60 % of hard ones (30 %), half of the errors the neighbouring label. Lazy:
half of the clips unwatched, 'neutral' then. Biased: sadness and fear are anger two times in three. Collusive: both
copy a third person, who guesses half of the time."""


def simulate(seed: int, num_utterances: int, crowd: tuple[str, ...] = CROWD) -> tuple[RoundStatus, dict[str, str]]:
    """A finished round of such raters, measured and flagged; and each rater's kind."""
    rng = random.Random(seed)
    kinds = {f"r{n:02d}": kind for n, kind in enumerate(rng.sample(crowd, len(crowd)))}
    design = RoundDesign(
        conditions=(Condition.FULL,),
        raters=tuple(kinds),
        per_item=5,
        select="all",
        seed=seed,
        gold_rate=0.05,
        repeat_rate=0.05,
    )
    utterances, gold = [f"u{n}" for n in range(num_utterances)], [f"g{n}" for n in range(60)]
    tasks = assign("simulated", design, Material(utterances, {Condition.FULL: gold}, {}))
    truth = {name: rng.choices(LABELS, SHARES)[0] for name in (*utterances, *gold)}
    hard = {name: rng.random() < 0.3 for name in truth}
    copied = {name: see(rng, truth[name], hard[name]) if rng.random() < 0.5 else rng.choice(LABELS) for name in truth}
    items = [
        Item(
            item_id=make_item_id(name, Condition.FULL),
            round_id="simulated",
            utterance_id=name,
            condition=Condition.FULL,
            gold_label=truth[name] if name in gold else None,
        )
        for name in truth
    ]
    by_item = {item.item_id: item.utterance_id for item in items}
    begin = datetime(2026, 1, 5, 9, tzinfo=UTC)
    answers = []
    for task in tasks:
        name, kind = by_item[task.item_id], kinds[task.rater_id]
        label, pace = vote(rng, kind, truth[name], hard[name], copied[name])
        answers.append(
            Answer(
                item_id=task.item_id,
                utterance_id=name,
                condition=Condition.FULL,
                rater_id=task.rater_id,
                role=task.role,
                order=task.order,
                label=label,
                lead_ms=round(pace * 3000),
                at=begin + timedelta(seconds=8 * task.order),
            )
        )
    campaign = Round(round_id="simulated", labels=LABELS, cannot_tell="cannot tell", origin="label_studio")
    status = watch(campaign, items, tasks, answers, dict.fromkeys(truth, 3000))
    return flag_raters(status, answers), kinds


def see(rng: random.Random, truth: str, hard: bool) -> str:
    """What somebody says who looks."""
    if rng.random() < (0.6 if hard else 0.85):
        return truth
    return NEIGHBOUR[truth] if rng.random() < 0.5 else rng.choice(LABELS)


def vote(rng: random.Random, kind: str, truth: str, hard: bool, copied: str) -> tuple[str, float]:
    """An answer, and the time it took over the clip's length: all take as long as honest ones, to be found by votes."""
    seen, pace = see(rng, truth, hard), rng.lognormvariate(0.4, 0.3)
    if kind == "lazy" and rng.random() < 0.5:
        seen = "neutral"
    if kind == "biased" and seen in ("sadness", "fear") and rng.random() < 2 / 3:
        seen = "anger"
    if kind == "random":
        seen = rng.choice(LABELS)
    if kind == "one_label":
        seen = "neutral"
    return (copied if kind == "collusive" else seen), pace
