"""Asking only where it is needed: what is planned, what it costs, and that it saves votes."""

import pytest

from sdme_tools.annotation.consensus_budget import plan_extension
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Annotation, Condition, ConsensusMethod, Item, Round, TaskRole
from tests.tooling.simulated_raters import Crowd, Study

ROUND = Round(round_id="r", labels=("a", "b"), cannot_tell="?", origin="import")


def items_of(number: int) -> list[Item]:
    return [
        Item(item_id=f"u{k}_full", round_id="r", utterance_id=f"u{k}", condition=Condition.FULL) for k in range(number)
    ]


def votes_of(said: list[str], role: TaskRole = TaskRole.REGULAR, lead_ms: int | None = None) -> list[Annotation]:
    """'ab' on item k: rater 0 says a, rater 1 says b."""
    names = {"a": "a", "b": "b", "?": "?"}
    return [
        Annotation(item_id=f"u{k}_full", rater_id=f"r{n}", label=names[label], role=role, lead_ms=lead_ms)
        for k, labels in enumerate(said)
        for n, label in enumerate(labels)
    ]


def test_doubt_is_asked_for_first_and_costs_are_told() -> None:
    said = ["aaa", "bbb"] * 10 + ["ab", "aab", "abab"]
    plan = plan_extension(ROUND, items_of(24), votes_of(said, lead_ms=4000), target=0.95, max_raters=4)
    assert {item.utterance_id for item in plan.items} <= {"u20", "u21"} and plan.items
    assert [item.posterior for item in plan.items] == sorted(item.posterior for item in plan.items)
    assert plan.num_settled + plan.num_exhausted + plan.num_votes == 23  # the last item has no vote yet
    assert plan.max_votes == sum(4 - item.num_raters for item in plan.items)
    assert plan.time_of(plan.num_votes) == 4000 * plan.num_votes


def test_only_regular_votes_count() -> None:
    votes = votes_of(["aa", "bb"] * 5 + ["ab"])
    known = votes_of([""] * 10 + ["aaaaaaaaaa"], TaskRole.GOLD)
    with_gold = plan_extension(ROUND, items_of(11), votes + known, target=0.95, max_raters=9)
    assert with_gold == plan_extension(ROUND, items_of(11), votes, target=0.95, max_raters=9)


def test_the_maximum_holds() -> None:
    plan = plan_extension(ROUND, items_of(11), votes_of(["aa", "bb"] * 5 + ["ab"]), target=0.999999, max_raters=2)
    assert not plan.items and plan.max_votes == 0 and plan.num_exhausted >= 1
    assert plan.time_of(3) is None


@pytest.mark.parametrize(("target", "max_raters"), [(0.0, 5), (1.5, 5), (0.9, 0)])
def test_impossible_targets(target: float, max_raters: int) -> None:
    with pytest.raises(AnnotationError, match="make no plan"):
        plan_extension(ROUND, items_of(1), votes_of(["a"]), target=target, max_raters=max_raters)


@pytest.mark.parametrize("seed", [201, 202, 203])
def test_as_good_as_five_votes_everywhere_for_fewer(seed: int) -> None:
    fixed, adaptive = Study(Crowd(1000, seed)), Study(Crowd(1000, seed))
    fixed.ask_all(5)
    adaptive.ask_all(2)
    adaptive.extend(0.95, 7)
    method = ConsensusMethod.DAWID_SKENE
    assert adaptive.accuracy(method) >= fixed.accuracy(method)
    assert adaptive.votes_per_item < 4.5
