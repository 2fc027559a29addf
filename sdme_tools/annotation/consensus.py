"""From votes to one label: simple majority, with doubt kept as doubt."""

from collections import Counter
from collections.abc import Sequence

from sdme_tools.records.annotation import Annotation, Consensus, Item, Round

METHOD = "simple_majority"


def derive_consensus(campaign: Round, items: Sequence[Item], annotations: Sequence[Annotation]) -> list[Consensus]:
    """Decide every item that has votes, in the order of the items.

    The label with the most votes wins, be it more than half of them or not. Where several share the first place the
    item stays unlabelled (reason 'tie'), whatever the order of the labels. 'Cannot tell' is counted like a label,
    since it is an answer, but is never a class: where it wins the item stays unlabelled (reason 'cannot_tell').
    """
    votes: dict[str, list[str]] = {item.item_id: [] for item in items}
    for annotation in annotations:
        votes[annotation.item_id].append(annotation.label)
    return [decide(campaign, item, votes[item.item_id]) for item in items if votes[item.item_id]]


def decide(campaign: Round, item: Item, votes: Sequence[str]) -> Consensus:
    """Decide one item from its votes, of which there is at least one."""
    counts = Counter(votes)
    most = max(counts.values())
    winners = [label for label, count in counts.items() if count == most]
    label: str | None = None
    if len(winners) > 1:
        reason = "tie"
    elif winners[0] == campaign.cannot_tell:
        reason = "cannot_tell"
    else:
        label, reason = winners[0], "majority"
    return Consensus(
        utterance_id=item.utterance_id,
        condition=item.condition,
        label=label,
        distribution={name: counts[name] for name in (*campaign.labels, campaign.cannot_tell)},
        method=METHOD,
        num_raters=len(votes),
        reason=reason,
    )
