"""The order in which a rater meets their tasks: shuffled, with hidden gold and repeats spread evenly."""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sdme_tools.records.annotation import TaskRole


class Place(NamedTuple):
    """One task in a queue."""

    utterance_id: str
    role: TaskRole
    occurrence: int
    """0 = the rater has not met the item before in this round."""


@dataclass(frozen=True)
class QueueNeeds:
    """How many tasks of each kind a queue shall have beside its regular ones."""

    num_gold: int
    num_repeats: int
    num_practice: int
    gold_role: TaskRole = TaskRole.GOLD
    """Decoys of an adjudication are gold of another name."""

    @property
    def num_known(self) -> int:
        """Items with a known answer."""
        return self.num_gold + self.num_practice


def count_share(rate: float, num_regular: int) -> int:
    """A rate as a whole number of tasks, rounded half up."""
    return int(rate * num_regular + 0.5)


def arrange_queue(
    regular: Sequence[str], known: Sequence[str], needs: QueueNeeds, repeat_gap: int, rng: random.Random
) -> list[Place]:
    """Put a queue in order: practice first, then everything else mixed.

    Behind the practice items the queue is cut into as many equal windows as there are gold items, and one lies at a
    random place in each; likewise the repeats, over the part of the queue that lies far enough behind its beginning.

    Args:
        regular: Utterances to be voted on.
        known: Utterances with a known answer: first those for practice, then the hidden gold.
        needs: How many of each.
        repeat_gap: Tasks between an item and its repeat; a third of the queue where that is shorter.
        rng: Decides every order.
    """
    practice, gold = known[: needs.num_practice], known[needs.num_practice : needs.num_known]
    length = len(regular) + needs.num_gold + needs.num_repeats
    gap = min(repeat_gap, max(0, length - 3) // 3)
    slots: list[Place | None] = [None] * length
    for slot, utterance_id in zip(_spread(0, length, needs.num_gold, slots, rng), gold, strict=True):
        slots[slot] = Place(utterance_id, needs.gold_role, 0)
    # Twice the gap: even the first repeat has a choice of items. Of the first two slots one at least is regular.
    repeats = set(_spread(max(2 * gap, gap + 2), length, needs.num_repeats, slots, rng))
    waiting = iter(rng.sample(regular, len(regular)))
    # What was shown too lately to be repeated, in order; and what may be.
    fresh: deque[tuple[int, str]] = deque()
    ripe: list[str] = []
    for slot in range(length):
        if slot in repeats:
            while fresh and fresh[0][0] < slot - gap:
                ripe.append(fresh.popleft()[1])
            place = rng.randrange(len(ripe))
            ripe[place], ripe[-1] = ripe[-1], ripe[place]
            slots[slot] = Place(ripe.pop(), TaskRole.REPEAT, 1)
        elif slots[slot] is None:
            utterance_id = next(waiting)
            slots[slot] = Place(utterance_id, TaskRole.REGULAR, 0)
            fresh.append((slot, utterance_id))
    return [*(Place(u, TaskRole.PRACTICE, 0) for u in practice), *(place for place in slots if place is not None)]


def _spread(begin: int, end: int, number: int, slots: Sequence[Place | None], rng: random.Random) -> list[int]:
    """Choose free slots from `begin` to `end`, one in each of `number` equal windows."""
    found: list[int] = []
    for window in range(number):
        low, high = (begin + (end - begin) * edge // number for edge in (window, window + 1))
        open_slots = [slot for slot in range(begin, end) if slots[slot] is None and slot not in found]
        # A short window may be full of gold, and its turn goes to another: which may then be full in its own.
        free = [slot for slot in open_slots if low <= slot < high] or open_slots
        found.append(rng.choice(free))
    return found
