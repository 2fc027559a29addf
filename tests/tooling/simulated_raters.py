"""Raters whose truth is known, for tests and benchmarks: six kinds of them, and rounds in which they vote."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sdme_tools.annotation.consensus import derive_consensus
from sdme_tools.annotation.consensus_budget import plan_extension
from sdme_tools.records.annotation import (
    Annotation,
    Condition,
    Consensus,
    ConsensusMethod,
    ConsensusRule,
    Item,
    Round,
    TaskRole,
    make_item_id,
)

LABELS = ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust")
SHARES = (0.34, 0.2, 0.14, 0.14, 0.08, 0.05, 0.05)
KINDS = {
    "accurate": "right in 85 % of easy and 60 % of hard clips; errors go to the label's neighbour half of the time",
    "lazy": "looks at every other clip, else says neutral",
    "biased": "hears sadness and fear as anger two times in three",
    "random": "any label",
    "one_label": "always neutral",
    "collusive": "copies the answers of the first collusive rater, who guesses half of the time",
}
CROWD = ("accurate",) * 6 + ("lazy",) * 2 + ("biased", "random", "one_label") + ("collusive",) * 2
"""The kinds of thirteen raters."""


@dataclass
class Crowd:
    """Raters who answer any clip, always the same."""

    num_items: int
    seed: int
    kinds: tuple[str, ...] = CROWD
    truth: NDArray[np.int64] = field(init=False)
    answers: NDArray[np.int64] = field(init=False)
    """int64[num_raters, num_items]."""

    def __post_init__(self) -> None:
        """Draw the truth and everybody's answer to everything."""
        rng = np.random.default_rng(self.seed)
        self.truth = rng.choice(len(LABELS), self.num_items, p=SHARES)
        hard = rng.random(self.num_items) < 0.3
        copied = self._guess(rng, self._look(rng, hard), 0.5)
        self.answers = np.stack([self._answer(rng, kind, hard, copied) for kind in self.kinds])

    def _answer(
        self, rng: np.random.Generator, kind: str, hard: NDArray[np.bool_], copied: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        seen = self._look(rng, hard)
        if kind == "lazy":
            return np.where(rng.random(self.num_items) < 0.5, seen, 0)
        if kind == "biased":
            misheard = np.isin(seen, [2, 5]) & (rng.random(self.num_items) < 2 / 3)
            return np.where(misheard, 3, seen)
        if kind == "random":
            return self._guess(rng, seen, 1.0)
        if kind == "one_label":
            return np.zeros(self.num_items, np.int64)
        return copied if kind == "collusive" else seen

    def _look(self, rng: np.random.Generator, hard: NDArray[np.bool_]) -> NDArray[np.int64]:
        right = rng.random(self.num_items) < np.where(hard, 0.6, 0.85)
        neighbour = np.where(rng.random(self.num_items) < 0.5, 1, rng.integers(1, len(LABELS), self.num_items))
        return np.where(right, self.truth, (self.truth + neighbour) % len(LABELS))

    def _guess(self, rng: np.random.Generator, seen: NDArray[np.int64], share: float) -> NDArray[np.int64]:
        guessed = rng.integers(len(LABELS), size=self.num_items)
        return np.where(rng.random(self.num_items) < share, guessed, seen)


@dataclass
class Study:
    """A round among a crowd: items in it get raters in an order of their own."""

    crowd: Crowd
    num_gold: int = 20
    annotations: list[Annotation] = field(default_factory=list)
    num_votes: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        """Shuffle the raters of every item; everybody votes on the gold."""
        rng = np.random.default_rng(self.crowd.seed + 1)
        num = self.crowd.num_items
        self.campaign = Round(round_id="made", labels=LABELS, cannot_tell="cannot tell", origin="import")
        self.items = [
            Item(
                item_id=make_item_id(f"u{i}", Condition.FULL),
                round_id="made",
                utterance_id=f"u{i}",
                condition=Condition.FULL,
            )
            for i in range(num)
        ]
        self.queue = np.argsort(rng.random((num, len(self.crowd.kinds))), axis=1)
        self.num_votes = np.zeros(num, np.int64)
        self.gold = {self.items[i].item_id: LABELS[self.crowd.truth[i]] for i in range(self.num_gold)}
        self.annotations += [
            self._vote(i, r, TaskRole.GOLD) for i in range(self.num_gold) for r in range(len(self.crowd.kinds))
        ]

    def _vote(self, item: int, rater: int, role: TaskRole) -> Annotation:
        label = LABELS[self.crowd.answers[rater, item]]
        return Annotation(item_id=self.items[item].item_id, rater_id=f"r{rater}", role=role, label=label)

    def ask(self, places: list[int]) -> None:
        """One further rater for each of these items."""
        for item in places:
            self.annotations.append(self._vote(item, int(self.queue[item, self.num_votes[item]]), TaskRole.REGULAR))
            self.num_votes[item] += 1

    def ask_all(self, times: int) -> None:
        """So many further raters for every item that is not gold."""
        for _ in range(times):
            self.ask(list(range(self.num_gold, self.crowd.num_items)))

    def extend(self, target: float, max_raters: int) -> None:
        """Ask further raters, one at a time, wherever the posterior lies below the target."""
        place = {item.item_id: number for number, item in enumerate(self.items)}
        while True:
            plan = plan_extension(self.campaign, self.items, self.annotations, target=target, max_raters=max_raters)
            if not plan.items:
                return
            self.ask([place[wanted.item_id] for wanted in plan.items])

    def decide(self, method: ConsensusMethod) -> list[Consensus]:
        """The labels by a method."""
        rule = ConsensusRule(method=method, gold=self.gold if method is ConsensusMethod.WEIGHTED else {})
        return derive_consensus(self.campaign, self.items, self.annotations, rule)

    def accuracy(self, method: ConsensusMethod) -> float:
        """Share of the items that are not gold whose label is right."""
        rows = self.decide(method)
        right = sum(row.label == LABELS[self.crowd.truth[int(row.utterance_id[1:])]] for row in rows)
        return right / (self.crowd.num_items - self.num_gold)

    @property
    def votes_per_item(self) -> float:
        """Votes spent, without those on gold."""
        return float(self.num_votes.sum() / (self.crowd.num_items - self.num_gold))
