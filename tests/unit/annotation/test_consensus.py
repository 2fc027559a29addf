"""Simple majority: who wins, and when nobody does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdme_tools.annotation.consensus import decide, derive_consensus
from sdme_tools.records.annotation import Annotation, Condition, ConsensusRule, Item, Round

ROUND = Round(round_id="r", labels=("neutral", "happiness", "sadness"), cannot_tell="cannot tell", origin="import")
ITEM = Item(item_id="u_full", round_id="r", utterance_id="u", condition=Condition.FULL)
ANSWERS = {"n": "neutral", "h": "happiness", "s": "sadness", "?": "cannot tell"}


@pytest.mark.parametrize(
    ("votes", "label", "reason"),
    [
        ("n", "neutral", "majority"),
        ("hhn", "happiness", "majority"),
        ("hhnns??s", None, "tie"),
        ("hhnns", None, "tie"),
        ("hn", None, "tie"),
        ("hhns?", "happiness", "majority"),
        ("??n", None, "cannot_tell"),
        ("?", None, "cannot_tell"),
        ("?h", None, "tie"),
    ],
)
def test_the_most_votes_win(votes: str, label: str | None, reason: str) -> None:
    decided = decide(ROUND, ITEM, [ANSWERS[vote] for vote in votes])
    assert (decided.label, decided.reason) == (label, reason)
    assert decided.num_raters == len(votes)
    assert decided.distribution == {name: votes.count(short) for short, name in ANSWERS.items()}


@given(st.lists(st.sampled_from(sorted(ANSWERS.values())), min_size=1, max_size=12), st.randoms())
def test_neither_order_nor_names_decide(votes: list[str], random: object) -> None:
    decided = decide(ROUND, ITEM, votes)
    assert decide(ROUND, ITEM, list(reversed(votes))) == decided
    counts = sorted((votes.count(name) for name in ROUND.labels), reverse=True)
    assert (decided.label is not None) == (counts[0] > max(counts[1], votes.count("cannot tell")))


def test_items_without_votes_are_not_decided() -> None:
    other = ITEM.model_copy(update={"item_id": "v_full", "utterance_id": "v"})
    votes = [Annotation(item_id="v_full", rater_id="r1", label="sadness")]
    (only,) = derive_consensus(ROUND, [ITEM, other], votes, ConsensusRule())
    assert (only.utterance_id, only.label) == ("v", "sadness")
