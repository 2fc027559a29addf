"""Assignment of a round: who rates what, under which condition, in which order. Values in, values out.

Everything is drawn from the design's seed; the same design and utterances give the same tasks on every machine.
"""

import hashlib
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sdme_tools.annotation.allotting import allot_raters, divide_among_conditions
from sdme_tools.annotation.queues import QueueNeeds, arrange_queue, count_share
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Assignment, Condition, RoundDesign, TaskRole, make_item_id


@dataclass(frozen=True)
class Material:
    """What a round is made of.

    Attributes:
        utterance_ids: To be voted on, in any order, each once.
        gold: Utterances whose answer is known, by condition; none of them is voted on.
        met: Rater -> utterances that they met in rounds of the wash-out, and are not shown again.
    """

    utterance_ids: Sequence[str]
    gold: Mapping[Condition, Sequence[str]]
    met: Mapping[str, Collection[str]]


def assign(round_id: str, design: RoundDesign, material: Material) -> list[Assignment]:
    """Make all tasks of a round: by condition, by rater, in the rater's order.

    Every item has exactly `per_item` raters. Regular loads differ by at most one, in the whole and in each condition;
    where a round follows on another, they are as level as what its raters met there allows.
    No rater meets an utterance under two conditions, gold and practice included, nor one of the wash-out.

    Raises:
        AnnotationError: the design is impossible; names the constraint and the cure.
    """
    check_design(design, material)
    rng = random.Random(f"{design.seed}:{round_id}")
    numbers = {utterance_id: number for number, utterance_id in enumerate(material.utterance_ids)}
    met = [{numbers[u] for u in material.met.get(rater, ()) if u in numbers} for rater in design.raters]
    per_utterance = len(design.conditions) * design.per_item
    follows = design.extends is not None or design.adjudicates is not None
    chosen = allot_raters(len(numbers), met, per_utterance, rng, must_be_level=not follows)
    shared = divide_among_conditions(chosen, len(design.conditions), rng)
    regular: dict[tuple[Condition, str], list[str]] = {(c, r): [] for c in design.conditions for r in design.raters}
    for condition, by_utterance in zip(design.conditions, shared, strict=True):
        for utterance_id, raters in zip(material.utterance_ids, by_utterance, strict=True):
            for number in raters:
                regular[condition, design.raters[number]].append(utterance_id)
    needs = {queue: _count_needs(design, len(utterances)) for queue, utterances in regular.items()}
    known = _choose_known(design, material, needs, rng)
    return [task for queue in regular for task in _make_tasks(round_id, design, queue, regular, known, needs)]


def check_design(design: RoundDesign, material: Material) -> None:
    """Find what makes a design impossible whatever is assigned to whom.

    Raises:
        AnnotationError: lists everything impossible.
    """
    needed = len(design.conditions) * design.per_item
    problems = [f"rater {name} is named twice" for name in _doubled(design.raters)]
    problems += [f"condition {name} is named twice" for name in _doubled(design.conditions)]
    problems += [f"utterance {name} is chosen twice" for name in _doubled(material.utterance_ids)]
    if not design.conditions:
        problems.append("no condition: name at least one")
    if needed > len(design.raters):
        problems.append(
            f"{len(design.conditions)} conditions × {design.per_item} raters per item need {needed} raters, because "
            f"nobody meets an utterance under two conditions; got {len(design.raters)}: name "
            f"{needed - len(design.raters)} more, or ask for fewer per item or fewer conditions"
        )
    if not material.utterance_ids:
        problems.append("no utterance to vote on: choose otherwise with --select")
    known = {utterance_id for pool in material.gold.values() for utterance_id in pool}
    problems += [f"utterance {u} is gold and to be voted on" for u in material.utterance_ids if u in known]
    raise_together(AnnotationError, "the round is impossible:", problems, cure="change the design as said")


def make_task_key(round_id: str, item_id: str, rater_id: str, occurrence: int) -> str:
    """Name a task by a hash, which tells neither what is shown nor why."""
    return hashlib.sha256(f"{round_id}\n{item_id}\n{rater_id}\n{occurrence}".encode()).hexdigest()[:16]


def _doubled(names: Sequence[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]


def _count_needs(design: RoundDesign, num_regular: int) -> QueueNeeds:
    is_adjudication = design.adjudicates is not None
    return QueueNeeds(
        num_gold=count_share(design.decoy_rate if is_adjudication else design.gold_rate, num_regular),
        num_repeats=count_share(design.repeat_rate, num_regular),
        num_practice=design.num_practice if num_regular else 0,
        gold_role=TaskRole.DECOY if is_adjudication else TaskRole.GOLD,
    )


def _choose_known(
    design: RoundDesign, material: Material, needs: Mapping[tuple[Condition, str], QueueNeeds], rng: random.Random
) -> dict[tuple[Condition, str], list[str]]:
    """Choose gold and practice items of each queue, each item about equally often over all raters."""
    used: dict[tuple[Condition, str], int] = {}
    chosen: dict[tuple[Condition, str], list[str]] = {}
    problems: list[str] = []
    scarcest_first = sorted(design.conditions, key=lambda condition: len(material.gold.get(condition, ())))
    for rater in design.raters:
        met = set(material.met.get(rater, ()))
        for condition in scarcest_first:
            number = needs[condition, rater].num_known
            free = [u for u in material.gold.get(condition, ()) if u not in met]
            free.sort(key=lambda u, c=condition: (used.get((c, u), 0), rng.random()))  # type: ignore[misc]
            if len(free) < number:
                problems.append(
                    f"rater {rater} needs {number} items with a known answer ({condition.value}) that they have "
                    f"not met under another condition or in the wash-out; there are {len(free)}"
                )
            chosen[condition, rater] = free[:number]
            met.update(free[:number])
            for utterance_id in free[:number]:
                used[condition, utterance_id] = used.get((condition, utterance_id), 0) + 1
    cure = "give more gold items, or lower --gold-rate, --decoy-rate or --practice"
    raise_together(AnnotationError, "too few items with a known answer:", problems, cure=cure)
    return chosen


def _make_tasks(
    round_id: str,
    design: RoundDesign,
    queue: tuple[Condition, str],
    regular: Mapping[tuple[Condition, str], Sequence[str]],
    known: Mapping[tuple[Condition, str], Sequence[str]],
    needs: Mapping[tuple[Condition, str], QueueNeeds],
) -> list[Assignment]:
    condition, rater = queue
    rng = random.Random(f"{design.seed}:{round_id}:{condition.value}:{rater}")
    places = arrange_queue(regular[queue], known[queue], needs[queue], design.repeat_gap, rng)
    return [
        Assignment(
            task_key=make_task_key(round_id, make_item_id(place.utterance_id, condition), rater, place.occurrence),
            round_id=round_id,
            item_id=make_item_id(place.utterance_id, condition),
            rater_id=rater,
            role=place.role,
            order=order,
        )
        for order, place in enumerate(places)
    ]
