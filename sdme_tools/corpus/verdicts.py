"""What the rounds of a corpus decided, with adjudication before the votes that it decides."""

from collections.abc import Mapping, Sequence

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_record, read_table
from sdme_tools.errors import CorpusError, raise_together
from sdme_tools.records.annotation import Condition, Consensus, Round


def read_verdicts(corpus: Corpus) -> list[Consensus]:
    """The consensus of all rounds, one row a round and item.

    Where an adjudication found a label, the row of the round that it adjudicates keeps its votes but gives no label of
    its own: the adjudicators saw the same and took more time.

    Raises:
        CorpusError: the rounds were voted on with different label sets, or a table is damaged.
    """
    folders = {name: corpus.layout.round_dir(name) for name in corpus.rounds()}
    rounds = {name: read_record(folder / "round.json", Round) for name, folder in folders.items()}
    _require_one_label_set(corpus, rounds)
    rows = {name: read_table(folder / "consensus.jsonl", Consensus) for name, folder in folders.items()}
    adjudicates = {name: campaign.design.adjudicates if campaign.design else None for name, campaign in rounds.items()}
    return settle_verdicts(adjudicates, rows)


def settle_verdicts(adjudicates: Mapping[str, str | None], rows: Mapping[str, Sequence[Consensus]]) -> list[Consensus]:
    """Put adjudication before the votes that it decides.

    Args:
        adjudicates: Round -> the round whose disputes it decides, None for others.
        rows: Round -> its consensus.
    """
    decided: set[tuple[str, str, Condition]] = set()
    for name, source in adjudicates.items():
        if source is not None:
            decided |= {(source, row.utterance_id, row.condition) for row in rows[name] if row.label is not None}
    return [
        row.model_copy(update={"label": None, "reason": "adjudicated"})
        if (name, row.utterance_id, row.condition) in decided
        else row
        for name, table in rows.items()
        for row in table
    ]


def _require_one_label_set(corpus: Corpus, rounds: Mapping[str, Round]) -> None:
    sets = {name: [*campaign.labels, campaign.cannot_tell] for name, campaign in rounds.items()}
    if any(labels != next(iter(sets.values())) for labels in sets.values()):
        raise_together(
            CorpusError,
            f"{corpus.root}: rounds with different label sets cannot be mixed:",
            (f"round {name} has {labels}" for name, labels in sets.items()),
            cure="move the rounds of one label set to a corpus of their own",
        )
