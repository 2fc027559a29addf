"""Where a further rater is worth their time: items whose label is still in doubt, and what asking would cost."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import median

from sdme_tools.annotation.consensus import derive_consensus
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import (
    Annotation,
    Condition,
    ConsensusMethod,
    ConsensusRule,
    Item,
    Round,
    TaskRole,
    make_item_id,
)


@dataclass(frozen=True)
class DoubtfulItem:
    """An item that needs another rater."""

    item_id: str
    utterance_id: str
    condition: Condition
    posterior: float
    """How likely its likeliest answer is."""
    num_raters: int


@dataclass(frozen=True)
class ExtensionPlan:
    """Who should be asked about what, and what it costs; nothing is done yet."""

    items: tuple[DoubtfulItem, ...]
    """The most doubtful first; each is to get one further rater who has not seen it."""
    num_settled: int
    """Items whose posterior reaches the target."""
    num_exhausted: int
    """Items below it that have the maximum of raters already."""
    num_waiting: int
    """Items below it whose raters have not all answered yet."""
    max_votes: int
    """Votes if all these items were asked for up to the maximum; the votes of this step alone are len(items)."""
    median_lead_ms: int | None
    """How long a vote took so far; None where no vote tells."""

    @property
    def num_votes(self) -> int:
        """Votes of this step."""
        return len(self.items)

    def time_of(self, num_votes: int) -> int | None:
        """Raters' time for so many votes, in milliseconds; None where no vote tells how long it took."""
        return None if self.median_lead_ms is None else num_votes * self.median_lead_ms


def plan_extension(
    campaign: Round,
    items: Sequence[Item],
    annotations: Sequence[Annotation],
    *,
    target: float,
    max_raters: int,
    waiting: Collection[str] = (),
    undecided: Collection[str] = (),
) -> ExtensionPlan:
    """Find the items that one more rater should see. Ask, collect, plan again, until nothing is left in doubt.

    Doubt is the posterior of Dawid–Skene, whatever the round's own method: shares of votes are no probabilities (one
    vote alone would be certain). But what the round's own method cannot decide is in doubt in any case: on few votes
    the model is surer than it should be. 'Cannot tell' counts as an answer that can be certain too. Items without any
    vote wait for their first raters and are not counted.

    Args:
        campaign: The round.
        items: Of the round.
        annotations: Of the round; regular votes count.
        target: Posterior from which an item is settled, 0 to 1.
        max_raters: Items with so many raters are not asked again.
        waiting: Ids of items whose raters have not all answered yet; those are not asked before they have.
        undecided: Ids of items to which the round's own method gives no label, as ties.

    Raises:
        AnnotationError: target or maximum are impossible.
    """
    if not 0 < target <= 1 or max_raters < 1:
        raise AnnotationError(
            f"target {target} and maximum {max_raters} make no plan",
            cure="give a target from 0 to 1, such as 0.9, and at least one rater",
        )
    rule = ConsensusRule(method=ConsensusMethod.DAWID_SKENE)
    raters = Counter(
        item_id for item_id, _ in {(a.item_id, a.rater_id) for a in annotations if a.role is TaskRole.REGULAR}
    )
    doubtful, num_settled, num_exhausted, num_waiting = [], 0, 0, 0
    for row in derive_consensus(campaign, items, annotations, rule):
        item_id = make_item_id(row.utterance_id, row.condition)
        sure = max(row.posterior.values())
        if sure >= target and item_id not in undecided:
            num_settled += 1
        elif raters[item_id] >= max_raters:
            num_exhausted += 1
        elif item_id in waiting:
            num_waiting += 1
        else:
            doubtful.append(DoubtfulItem(item_id, row.utterance_id, row.condition, sure, raters[item_id]))
    times = [a.lead_ms for a in annotations if a.role is TaskRole.REGULAR and a.lead_ms is not None]
    return ExtensionPlan(
        items=tuple(sorted(doubtful, key=lambda item: (item.posterior, item.item_id))),
        num_settled=num_settled,
        num_exhausted=num_exhausted,
        num_waiting=num_waiting,
        max_votes=sum(max_raters - item.num_raters for item in doubtful),
        median_lead_ms=round(median(times)) if times else None,
    )
