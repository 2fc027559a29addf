"""Assignment: thousands of random designs, each checked in full against what a round promises."""

import random
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdme_tools.annotation.assign import Material, assign
from sdme_tools.annotation.queues import QueueNeeds, arrange_queue, count_share
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Assignment, Condition, RoundDesign, TaskRole

ALL = tuple(Condition)


def make_design(conditions: tuple[Condition, ...], num_raters: int, per_item: int, **options: object) -> RoundDesign:
    raters = tuple(f"r{n}" for n in range(num_raters))
    values: dict[str, object] = {"select": "all", "seed": 0, **options}
    return RoundDesign.model_validate({"conditions": conditions, "raters": raters, "per_item": per_item, **values})


def make_material(num_utterances: int, num_gold: int = 0, met: dict[str, set[str]] | None = None) -> Material:
    gold = [f"g_{n}" for n in range(num_gold)]
    return Material([f"u_{n}" for n in range(num_utterances)], dict.fromkeys(ALL, gold), met or {})


def queues_of(tasks: list[Assignment]) -> dict[tuple[str, str], list[Assignment]]:
    """Condition and rater -> tasks in their order."""
    queues: dict[tuple[str, str], list[Assignment]] = defaultdict(list)
    for task in tasks:
        queues[task.item_id.rpartition("_")[2], task.rater_id].append(task)
    return {key: sorted(queue, key=lambda task: task.order) for key, queue in queues.items()}


def check_promises(tasks: list[Assignment], design: RoundDesign, material: Material) -> None:
    assert len({task.task_key for task in tasks}) == len(tasks)
    regular = [task for task in tasks if task.role is TaskRole.REGULAR]
    raters_of = defaultdict(list)
    for task in regular:
        raters_of[task.item_id].append(task.rater_id)
    assert set(raters_of) == {f"{u}_{c.value}" for u in material.utterance_ids for c in design.conditions}
    assert {len(raters) for raters in raters_of.values()} == {design.per_item}
    loads = Counter(task.rater_id for task in regular)
    assert max(loads[r] for r in design.raters) - min(loads[r] for r in design.raters) <= 1
    for condition in design.conditions:
        shown = Counter(t.rater_id for t in regular if t.item_id.endswith(f"_{condition.value}"))
        assert max(shown[r] for r in design.raters) - min(shown[r] for r in design.raters) <= 1
    meetings = Counter((t.rater_id, t.item_id.rpartition("_")[0]) for t in tasks if t.role is not TaskRole.REPEAT)
    assert set(meetings.values()) == {1}, "somebody meets an utterance twice"
    assert not any(u in material.met.get(rater, ()) for rater, u in meetings)
    for queue in queues_of(tasks).values():
        check_queue(queue, design)


def check_queue(queue: list[Assignment], design: RoundDesign) -> None:
    assert [task.order for task in queue] == list(range(len(queue)))
    num_regular = sum(task.role is TaskRole.REGULAR for task in queue)
    practice, rest = queue[: design.num_practice], queue[design.num_practice :]
    assert all(task.role is TaskRole.PRACTICE for task in practice)
    assert not any(task.role is TaskRole.PRACTICE for task in rest)
    gold = [place for place, task in enumerate(rest) if task.role is TaskRole.GOLD]
    assert len(gold) == count_share(design.gold_rate, num_regular)
    for window, place in enumerate(gold):
        assert len(rest) * window // len(gold) <= place < len(rest) * (window + 1) // len(gold)
    repeats = [place for place, task in enumerate(rest) if task.role is TaskRole.REPEAT]
    assert len(repeats) == count_share(design.repeat_rate, num_regular)
    first = {task.item_id: place for place, task in enumerate(rest) if task.role is TaskRole.REGULAR}
    gap = min(design.repeat_gap, max(0, len(rest) - 3) // 3)
    assert all(place - first[rest[place].item_id] > gap for place in repeats)
    assert len({rest[place].item_id for place in repeats}) == len(repeats), "one item repeated twice"


@st.composite
def designs(draw: st.DrawFn) -> tuple[RoundDesign, Material]:
    conditions = tuple(draw(st.permutations(ALL))[: draw(st.integers(1, 4))])
    per_item = draw(st.integers(1, 5))
    num_raters = draw(st.integers(len(conditions) * per_item, len(conditions) * per_item + 12))
    design = make_design(
        conditions,
        num_raters,
        per_item,
        seed=draw(st.integers(0, 2**32)),
        gold_rate=draw(st.sampled_from([0, 0.05, 0.1, 0.25])),
        repeat_rate=draw(st.sampled_from([0, 0.05, 0.1, 0.25])),
        repeat_gap=draw(st.integers(0, 30)),
        num_practice=draw(st.integers(0, 3)),
    )
    return design, make_material(draw(st.integers(1, 60)), 120)


@settings(max_examples=2000, deadline=None)
@given(designs())
def test_every_design_keeps_all_promises(case: tuple[RoundDesign, Material]) -> None:
    design, material = case
    if len(material.utterance_ids) * design.per_item < len(design.raters):
        # Some queues are empty, and have no practice items either.
        design = design.model_copy(update={"num_practice": 0})
    check_promises(assign("pilot", design, material), design, material)


@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_earlier_meetings_are_respected_or_the_design_is_refused(data: st.DataObject) -> None:
    conditions = ALL[: data.draw(st.integers(1, 2))]
    per_item = data.draw(st.integers(1, 2))
    num_raters = data.draw(st.integers(len(conditions) * per_item, 6))
    design = make_design(conditions, num_raters, per_item, seed=data.draw(st.integers(0, 99)))
    num_utterances = data.draw(st.integers(1, 8))
    names = [f"u_{n}" for n in range(num_utterances)]
    met = {r: set(data.draw(st.lists(st.sampled_from(names), max_size=num_utterances))) for r in design.raters}
    material = make_material(num_utterances, met=met)
    possible = is_possible(design, names, met)
    if possible:
        check_promises(assign("second", design, material), design, material)
    else:
        with pytest.raises(AnnotationError, match=r"raters each who have not met|loads cannot be level"):
            assign("second", design, material)


def is_possible(design: RoundDesign, names: list[str], met: dict[str, set[str]]) -> bool:
    """Whether level loads exist, asked of another method: a maximum flow by brute augmentation, lower bounds first."""
    needed = len(design.conditions) * design.per_item
    total = needed * len(names)
    low = total // len(design.raters)
    if low + (total % len(design.raters) > 0) > len(names):
        return False
    # Every rater can be saturated to `low`, every utterance to `needed`, with raters' capacity `high`: two flows
    # (Mendelsohn and Dulmage: then one assignment does both).
    high = low + (total % len(design.raters) > 0)
    allowed = [(u, r) for u in names for r in design.raters if u not in met[r]]
    full = max_flow(allowed, dict.fromkeys(names, needed), dict.fromkeys(design.raters, high))
    least = max_flow(allowed, dict.fromkeys(names, needed), dict.fromkeys(design.raters, low))
    return full == total and least == low * len(design.raters)


def max_flow(edges: list[tuple[str, str]], left: dict[str, int], right: dict[str, int]) -> int:
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from(["s", "t"])
    for name, capacity in left.items():
        graph.add_edge("s", f"l{name}", capacity=capacity)
    for name, capacity in right.items():
        graph.add_edge(f"r{name}", "t", capacity=capacity)
    for u, r in edges:
        graph.add_edge(f"l{u}", f"r{r}", capacity=1)
    return int(networkx.maximum_flow_value(graph, "s", "t"))


def test_the_same_seed_gives_the_same_tasks_and_another_seed_others() -> None:
    design = make_design(ALL[:2], 8, 2, seed=7, gold_rate=0.1, repeat_rate=0.1)
    material = make_material(40, 20)
    assert assign("a", design, material) == assign("a", design, material)
    other = design.model_copy(update={"seed": 8})
    assert [t.rater_id for t in assign("a", design, material)] != [
        t.rater_id for t in assign("a", other, material)
    ] or [t.item_id for t in assign("a", design, material)] != [t.item_id for t in assign("a", other, material)]


def test_raters_are_mixed_with_everybody() -> None:
    design = make_design((Condition.FULL,), 6, 2)
    raters_of = defaultdict(set)
    for task in assign("a", design, make_material(300)):
        raters_of[task.item_id].add(task.rater_id)
    pairs = Counter(frozenset(raters) for raters in raters_of.values())
    assert len(pairs) == 15  # all pairs of six


def test_gold_items_are_used_about_equally_often() -> None:
    design = make_design((Condition.FULL, Condition.VOICE), 8, 2, gold_rate=0.1)
    tasks = assign("a", design, make_material(200, 24))
    for condition in design.conditions:
        used = Counter(t.item_id for t in tasks if t.role is TaskRole.GOLD and t.item_id.endswith(condition.value))
        assert max(used.values()) - min(used.values()) <= 1


def test_each_rater_has_an_order_of_their_own() -> None:
    design = make_design((Condition.FULL,), 3, 3)
    orders = [[task.item_id for task in queue] for queue in queues_of(assign("a", design, make_material(30))).values()]
    assert all(sorted(a) == sorted(b) and a != b for a, b in pairwise(orders))


@pytest.mark.parametrize(
    ("design", "material", "what"),
    [
        (make_design(ALL[:3], 14, 5), make_material(10), r"need 15 raters, .* got 14: name 1 more"),
        (make_design(ALL[:1], 3, 2), make_material(0), "no utterance to vote on"),
        (make_design((), 3, 2), make_material(5), "no condition"),
        (make_design((ALL[0], ALL[0]), 4, 2), make_material(5), "condition full is named twice"),
        (
            make_design(ALL[:1], 2, 1, gold_rate=0.25),
            make_material(80, 9),
            "needs 10 items with .* there are 9",
        ),
        (
            make_design(ALL[:2], 2, 1, num_practice=2),
            make_material(80, 3),
            "needs 2 items with .* there are 1",
        ),
        (make_design(ALL[:1], 2, 2), make_material(3, met={"r0": {"u_1"}}), "1 utterances need 2 raters each"),
        (
            make_design(ALL[:1], 3, 1),
            make_material(6, met={"r0": {f"u_{n}" for n in range(6)}}),
            "rater number 1 could be given only 0",
        ),
    ],
)
def test_an_impossible_design_says_which_constraint_and_the_cure(
    design: RoundDesign, material: Material, what: str
) -> None:
    with pytest.raises(AnnotationError, match=what) as caught:
        assign("a", design, material)
    assert caught.value.cure


@pytest.mark.parametrize(
    ("num_regular", "num_gold", "num_repeats", "gap"), [(25, 6, 7, 12), (14, 5, 4, 8), (20, 6, 6, 12)]
)
def test_repeats_that_are_crowded_out_of_their_window_by_gold_take_no_slot_twice(
    num_regular: int, num_gold: int, num_repeats: int, gap: int
) -> None:
    needs = QueueNeeds(num_gold=num_gold, num_repeats=num_repeats, num_practice=0, gold_role=TaskRole.GOLD)
    regular, known = [f"u_{n}" for n in range(num_regular)], [f"g_{n}" for n in range(num_gold)]
    for seed in range(300):
        queue = arrange_queue(regular, known, needs, gap, random.Random(seed))
        counts = Counter(place.role for place in queue)
        assert counts == {TaskRole.REGULAR: num_regular, TaskRole.GOLD: num_gold, TaskRole.REPEAT: num_repeats}
