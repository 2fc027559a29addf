"""Gate 4: how near do networks come to the people who labelled?"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from sdme_tools.records.annotation import Condition
from sdme_tools.training.dataset import NO_LABEL
from sdme_tools.training.evaluation import speaker_interval
from sdme_tools.training.verdict.evidence import Evidence
from sdme_tools.training.verdict.gate import Figure, Gate, Status, not_measured, percent, points, settle
from sdme_tools.training.verdict.release_facts import Ballot

KEY, TITLE = "ceiling", "How near are networks to people?"


def judge_ceiling(evidence: Evidence) -> Gate:
    """Compare each rater, and the network, with what the other raters of the utterance say most often.

    Pass where people agree with each other better than chance and no network is better than they are. An utterance on
    which the others are tied is left out. Doubts ("cannot tell") count as no vote.
    """
    judged = set(evidence.plan.rows.tolist())
    of_row: dict[int, list[Ballot]] = defaultdict(list)
    for ballot in evidence.facts.ballots:
        if ballot.condition == Condition.FULL and ballot.label != NO_LABEL and ballot.row in judged:
            of_row[ballot.row].append(ballot)
    targets = [(row, ballot.label, target) for row, ballots in of_row.items() for ballot, target in _others(ballots)]
    if not targets:
        why = "The release has no votes by rater on whole clips (annotations/), or never two on an utterance."
        return not_measured(KEY, TITLE, why)
    rows, human, target = (np.array(column) for column in zip(*targets, strict=True))
    speakers = [evidence.table.speaker_ids[row] for row in rows]
    place = np.searchsorted(evidence.plan.rows, rows)
    by_network = (evidence.fused.predicted[:, place] == target).mean(axis=0)
    by_people = (human == target).astype(np.float64)
    people = speaker_interval(by_people, speakers)
    network = speaker_interval(by_network, speakers)
    lead = speaker_interval(by_network - by_people, speakers)
    guess = float(np.bincount(target).max() / len(target))
    raters = len({ballot.rater_id for ballots in of_row.values() for ballot in ballots})
    figures = [
        Figure.of("accuracy of a rater", people, f"{len(targets)} votes of {raters} raters against the others'"),
        Figure.of("accuracy of the network", network, "against the same"),
        Figure.of("network over rater", lead, "paired"),
        Figure("accuracy of the commonest class", guess),
    ]
    found = f"a rater agrees with the others in {percent(people.value)}, the network in {percent(network.value)}"
    if not people.low > guess:
        status, says = Status.FAIL, f"Raters agree with each other no better than the commonest class would: {found}."
    elif lead.low > 0:
        status, says = (
            Status.WARN,
            f"The network is nearer to the raters than they to each other: {found}. Look for a leak.",
        )
    else:
        status, says = Status.PASS, f"People set the ceiling: {found} ({points(lead.value)})."
    return settle(Gate(KEY, TITLE, status, says, figures), len(set(speakers)))


def _others(ballots: list[Ballot]) -> list[tuple[Ballot, int]]:
    """Each vote with the label that the other raters gave most often, unless they are tied or absent."""
    found = []
    for ballot in ballots:
        counts = Counter(other.label for other in ballots if other.rater_id != ballot.rater_id).most_common(2)
        if counts and (len(counts) == 1 or counts[0][1] > counts[1][1]):
            found.append((ballot, counts[0][0]))
    return found
