"""What releases say of votes, by the annotation layer's own code: how each label came about, and how far raters agree.

The release layer may not import the annotation layer, and shall not compute the same in a second way: whoever builds a
release hands this in (`release/evidence.py`, Judge), and whoever verifies one uses it on the release's own votes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from sdme_tools.annotation.consensus import apply_models, derive_with_models, read_rule
from sdme_tools.annotation.round_files import EXTENSION, RoundFiles, pool_votes, read_extensions, read_round
from sdme_tools.corpus.verdicts import settle_verdicts
from sdme_tools.errors import ReleaseError
from sdme_tools.records.annotation import Annotation, Condition, Consensus, ConsensusRule, Item, Round, make_item_id
from sdme_tools.records.certificate import About, AgreementFigures, Estimated, RoundProof
from sdme_tools.release.evidence import DerivedLabel
from sdme_tools.release.proof import ReleasedVote

_NUM_RESAMPLES = 1000
_DIGITS = 6
_BATCH_UTTERANCES = 5_000
"""Utterances whose votes are records at once."""


class VoteJudge:
    """The annotation layer as releases need it."""

    def prove_rounds(self, folders: Iterable[Path]) -> tuple[RoundProof, ...]:
        """How the labels of each round come from its votes.

        Raises:
            ReleaseError: consensus.jsonl is not what the votes give by the round's rule.
            AnnotationError, CorpusError: a round is damaged.
        """
        rounds = ((folder, read_round(folder)) for folder in folders)
        return tuple(
            _prove_round(folder, tables)
            for folder, tables in rounds
            if tables.campaign.origin != EXTENSION  # its votes count in the round that it extends
        )

    def derive_labels(
        self, votes: Iterable[ReleasedVote], rounds: Sequence[RoundProof], about: About
    ) -> Iterator[tuple[str, DerivedLabel]]:
        """Derive the labels of utterances from released votes and the receipts of their rounds, some at a time.

        Raises:
            AnnotationError: the votes name raters, conditions or labels that the receipts do not.
        """
        by_utterance: dict[str, list[ReleasedVote]] = defaultdict(list)
        for vote in votes:
            by_utterance[vote.utterance_id].append(vote)
        adjudicates = {proof.round_id: proof.adjudicates for proof in rounds}
        names = list(by_utterance)
        for start in range(0, len(names), _BATCH_UTTERANCES):
            cast = [vote for name in names[start : start + _BATCH_UTTERANCES] for vote in by_utterance[name]]
            rows = {
                proof.round_id: _derive_round([v for v in cast if v.round_id == proof.round_id], proof, about)
                for proof in rounds
            }
            told = [proof.round_id for proof in rounds for _ in rows[proof.round_id]]
            verdicts: dict[str, list[tuple[str, Consensus]]] = defaultdict(list)
            for round_id, row in zip(told, settle_verdicts(adjudicates, rows), strict=True):
                verdicts[row.utterance_id].append((round_id, row))
            yield from ((name, _tell_outcome(its)) for name, its in verdicts.items())

    def measure_agreement(
        self, votes: Sequence[ReleasedVote], speaker_of: Mapping[str, str], about: About
    ) -> tuple[AgreementFigures, ...]:
        """How far raters agree on what is released, with intervals over speakers."""
        from sdme_tools.annotation.agreement.bootstrap import Estimate, Resampler
        from sdme_tools.annotation.agreement.slices import measure_slices
        from sdme_tools.annotation.agreement.vote_table import CastVote, build_table

        cast = [
            CastVote(row.round_id, Condition(row.condition), row.utterance_id, row.rater_id, row.label)
            for row in votes
            if row.role == "regular"
        ]
        says_so = any(vote.label == about.cannot_tell for vote in cast)
        table = build_table(
            cast,
            labels=about.labels,
            cannot_tell=about.cannot_tell if says_so else None,
            cluster_of=speaker_of,
        )

        def tell(found: Estimate) -> Estimated:
            value, low, high = (None if x is None else round(x, _DIGITS) for x in (found.value, found.low, found.high))
            return Estimated(value=value, low=low, high=high, undefined=found.undefined)

        rows = measure_slices(table, Resampler(len(table.clusters), _NUM_RESAMPLES, seed=0)) if table.num_votes else []
        return tuple(
            AgreementFigures(
                round_id=row.round_id,
                condition=Condition(row.condition),
                num_votes=row.num_votes,
                num_utterances=row.num_items,
                num_raters=row.num_raters,
                percent=tell(row.percent),
                alpha=tell(row.alpha),
                ac1=tell(row.ac1),
            )
            for row in rows
        )


def _tell_outcome(verdicts: Sequence[tuple[str, Consensus]]) -> DerivedLabel:
    """What the rounds make of one utterance, with everything shown."""
    mine = [(round_id, row) for round_id, row in verdicts if row.condition is Condition.FULL]
    votes = Counter[str]()
    for _, row in mine:
        votes.update(row.distribution)
    return DerivedLabel(
        labels=tuple(sorted({row.label for _, row in mine if row.label is not None})),
        posterior={round_id: row.posterior[row.label] for round_id, row in mine if row.label is not None},
        votes={answer: count for answer, count in votes.items() if count},
    )


def _prove_round(folder: Path, tables: RoundFiles) -> RoundProof:
    campaign, rule = tables.campaign, read_rule(folder / "consensus_rule.json")
    votes = pool_votes(tables, read_extensions(folder))
    derived, models = derive_with_models(campaign, tables.items, votes, rule)
    if [_outcome(row) for row in derived] != [_outcome(row) for row in tables.consensus]:
        raise ReleaseError(
            f"round {campaign.round_id}: consensus.jsonl is not what its votes give by the method {rule.method.value}",
            cure=f"run `sdme consensus DIR {campaign.round_id}`",
        )
    conditions = {item.condition for item in tables.items}
    return RoundProof(
        round_id=campaign.round_id,
        origin=campaign.origin,
        adjudicates=campaign.design.adjudicates if campaign.design else None,
        conditions=tuple(condition for condition in Condition if condition in conditions),
        num_raters=len({vote.rater_id for vote in votes}),
        num_items=len(tables.items),
        num_votes=len(votes),
        contract=campaign.contract.digest if campaign.contract else None,
        method=rule.method,
        min_posterior=rule.min_posterior,
        models=tuple(models),
    )


def _outcome(row: Consensus) -> tuple[object, ...]:
    return row.utterance_id, row.condition, row.label, row.reason, row.distribution


def _derive_round(votes: Sequence[ReleasedVote], proof: RoundProof, about: About) -> list[Consensus]:
    campaign = Round(round_id=proof.round_id, labels=about.labels, cannot_tell=about.cannot_tell, origin=proof.origin)
    items: dict[str, Item] = {}
    annotations = []
    for row in votes:
        condition = Condition(row.condition)
        item_id = make_item_id(row.utterance_id, condition)
        items[item_id] = Item(
            item_id=item_id, round_id=proof.round_id, utterance_id=row.utterance_id, condition=condition
        )
        annotations.append(Annotation(item_id=item_id, rater_id=row.rater_id, role=row.role, label=row.label))
    rule = ConsensusRule(method=proof.method, min_posterior=proof.min_posterior)
    return apply_models(campaign, list(items.values()), annotations, rule, proof.models)
