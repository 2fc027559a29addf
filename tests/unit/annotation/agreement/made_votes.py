"""Tables of votes for tests."""

from collections.abc import Sequence

import numpy as np

from sdme_tools.annotation.agreement.vote_table import CastVote, Floats, VoteTable, build_table
from sdme_tools.records.annotation import Condition


def table_of(
    rows: Sequence[Sequence[object]], labels: Sequence[str], *, speakers: int = 0, cannot_tell: str | None = None
) -> VoteTable:
    """A row a rater, a column an item; None = no vote. Item i is heard from speaker i % speakers, 0 = from its own."""
    votes = [
        CastVote("r", Condition.FULL, f"u{item:03d}", f"rater{rater}", str(label))
        for rater, row in enumerate(rows)
        for item, label in enumerate(row)
        if label is not None
    ]
    cluster_of = {vote.utterance_id: f"s{int(vote.utterance_id[1:]) % speakers}" for vote in votes} if speakers else {}
    return build_table(votes, labels=labels, cannot_tell=cannot_tell, cluster_of=cluster_of)


def random_rows(seed: int, *, raters: int, items: int, labels: int, missing: float) -> list[list[str | None]]:
    """Raters who are right in three cases of five and answer only some."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(labels, size=items)
    said = np.where(rng.random((raters, items)) < 0.6, truth, rng.integers(labels, size=(raters, items)))
    return [[None if rng.random() < missing else str(label) for label in row] for row in said]


def counts_as_rows(counts: Floats) -> list[list[str]]:
    """Counts of votes as raters' rows: rater k gives each item's k-th vote."""
    said = [[str(c) for c, n in enumerate(item) for _ in range(int(n))] for item in counts]
    return [list(row) for row in zip(*said, strict=True)]
