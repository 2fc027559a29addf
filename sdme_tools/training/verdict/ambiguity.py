"""Gate 9: how noisy and how ambiguous are the labels? Hard labels against the votes behind them.

One label a clip hides that people differ. The networks learn hard labels; here what they say is held against the votes:
are they wrong where people were divided, and does what they say come nearer to the votes than the hard label does?
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from sdme_tools.training.evaluation import speaker_interval
from sdme_tools.training.metrics import Interval
from sdme_tools.training.verdict.evidence import Evidence
from sdme_tools.training.verdict.gate import Figure, Gate, Status, not_measured, percent, settle

KEY, TITLE = "ambiguity", "How ambiguous are the labels?"
_CLEAR = 0.6
_SMALLEST = 1e-6

Shares = NDArray[np.float64]


def judge_ambiguity(evidence: Evidence) -> Gate:
    """Pass where on average three votes in five are for the label; the figures say what a hard label hides."""
    shares = evidence.facts.vote_shares
    voted = np.zeros(len(evidence.plan.rows), bool) if shares is None else ~np.isnan(shares[evidence.plan.rows, 0])
    if shares is None or not voted.any():
        return not_measured(KEY, TITLE, "The release counts no votes (columns votes_<label>).")
    soft, truth = shares[evidence.plan.rows][voted], evidence.truth[voted]
    said = evidence.fused.mean_probabilities[voted].astype(np.float64)
    right = (evidence.fused.predicted[:, voted] == truth).mean(axis=0)
    speakers = [speaker for speaker, kept in zip(evidence.speakers, voted, strict=True) if kept]
    agreement = soft[np.arange(len(soft)), truth]
    for_label = speaker_interval(agreement, speakers)
    unanimous, disputed = agreement == 1, agreement < 1
    figures = [
        Figure.of("share of the votes for the label", for_label, f"over {len(soft)} utterances with votes"),
        Figure("share of unanimous labels", float(unanimous.mean())),
        Figure.of("WA on unanimous utterances", _mean_of(right, unanimous, speakers)),
        Figure.of("WA on disputed utterances", _mean_of(right, disputed, speakers)),
        Figure.of(
            "cross-entropy to the votes, network", speaker_interval(_cross_entropy(soft, said), speakers), "in nats"
        ),
        Figure.of(
            "cross-entropy to the hard labels, network",
            speaker_interval(_cross_entropy(np.eye(soft.shape[1])[truth], said), speakers),
        ),
        Figure.of(
            "cross-entropy to the votes, class frequencies",
            speaker_interval(_cross_entropy(soft, np.broadcast_to(soft.mean(axis=0), soft.shape)), speakers),
            "what knowing nothing of the clip gives",
        ),
        Figure("entropy of the votes", float(_entropy(soft).mean()), note="in nats: no prediction comes nearer"),
    ]
    doubts = _entropy(soft), _entropy(said)
    if min(map(np.ptp, doubts)) > _SMALLEST:
        rank = float(spearmanr(*doubts).statistic)
        figures.append(Figure("rank correlation of the network's doubt with people's", rank, note="of the entropies"))
    clear = for_label.value >= _CLEAR
    says = (
        f"{percent(for_label.value)} of the votes are for the label, {percent(float(unanimous.mean()))} of the labels "
    )
    says += "are unanimous: " + ("hard labels say most of it." if clear else "hard labels hide much; keep the votes.")
    return settle(Gate(KEY, TITLE, Status.PASS if clear else Status.WARN, says, figures), len(set(speakers)))


def _mean_of(values: Shares, keep: NDArray[np.bool_], speaker_ids: list[str]) -> Interval:
    return speaker_interval(np.where(keep, values, np.nan), speaker_ids)


def _cross_entropy(target: Shares, said: Shares) -> Shares:
    """Of each utterance, `float64[N]`."""
    entropy: Shares = -(target * np.log(np.maximum(said, _SMALLEST))).sum(axis=1)
    return entropy


def _entropy(shares: Shares) -> Shares:
    return _cross_entropy(shares, shares)
