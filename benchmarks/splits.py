"""How near splits come to the wished shares: ours beside scikit-learn's, on random corpora and on CREMA-D's actors.

Usage: python benchmarks/splits.py [--corpora N] [--seconds S] [--crema-d FOLDER]

A corpus has 60 speakers, the number of whose utterances is lognormal (median 55), and 7 classes whose odds differ from
speaker to speaker. Splits are 70/15/15 and share no speaker. Of each, the worst deviation over the three splits: of the
share of all utterances, and of the share of each class's utterances.
"""

import argparse
import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold

from sdme_tools.release.balance import FREE, Balance, Feature
from sdme_tools.release.split_search import search_places
from sdme_tools.release.split_solver import solve_places

SHARES = np.array([0.70, 0.15, 0.15])
CLASSES = {"N": "neutral", "H": "happy", "S": "sad", "A": "anger", "F": "fear", "D": "disgust"}

Labels = NDArray[np.int64]
Speakers = NDArray[np.int64]
Parts = NDArray[np.int64]
"""Of each utterance."""


def make_corpus(seed: int, num_speakers: int = 60, num_classes: int = 7) -> tuple[Speakers, Labels]:
    """Speaker and class of each utterance."""
    random = np.random.default_rng(seed)
    sizes = np.maximum(5, random.lognormal(4.0, 0.8, num_speakers)).astype(int)
    odds = random.dirichlet(random.dirichlet(np.full(num_classes, 3.0)) * 8 + 0.05, num_speakers)
    labels = [random.choice(num_classes, size, p=mine) for size, mine in zip(sizes, odds, strict=True)]
    return np.repeat(np.arange(num_speakers), sizes), np.concatenate(labels)


def read_crema_d(folder: Path) -> tuple[Speakers, Labels]:
    """Actor and the label that most raters gave to face and voice together; ties are left out."""
    with (folder / "summaryTable.csv").open(encoding="utf-8") as file:
        rows = [(row["FileName"][:4], row["MultiModalVote"]) for row in csv.DictReader(file)]
    kept = [(int(actor), sorted(CLASSES).index(label)) for actor, label in rows if label in CLASSES]
    return np.array([actor for actor, _ in kept]), np.array([label for _, label in kept])


def divide_ours(speakers: Speakers, labels: Labels, seconds: float) -> Parts:
    """By threshold accepting and integer programming, as `sdme release` does."""
    names, groups = np.unique(speakers, return_inverse=True)
    counts = np.zeros((len(names), 1 + labels.max() + 1), dtype=np.int64)
    np.add.at(counts, (groups, 0), 1)
    np.add.at(counts, (groups, 1 + labels), 1)
    counts = counts[:, counts.sum(axis=0) > 0]
    features = [Feature("utterances", 1.0)]
    features += [Feature(f"label={n}", 1.0, is_label=True) for n in range(counts.shape[1] - 1)]
    balance = Balance(tuple(features), counts, SHARES, np.full(len(names), FREE))
    solution = solve_places(balance, search_places(balance, 0, seconds), seconds)
    return solution.places[groups]


def divide_by_shuffling(speakers: Speakers, labels: Labels, seconds: float) -> Parts:
    """GroupShuffleSplit twice: 70 to 30, then the rest in halves."""
    del seconds
    parts = np.zeros(len(labels), dtype=np.int64)
    train, rest = next(GroupShuffleSplit(1, test_size=0.3, random_state=0).split(labels, labels, speakers))
    halves = GroupShuffleSplit(1, test_size=0.5, random_state=0).split(rest, labels[rest], speakers[rest])
    validation, test = next(halves)
    parts[rest[validation]], parts[rest[test]] = 1, 2
    del train
    return parts


def divide_by_folds(speakers: Speakers, labels: Labels, seconds: float) -> Parts:
    """StratifiedGroupKFold of 20 folds: 14, 3 and 3 of them."""
    del seconds
    parts = np.zeros(len(labels), dtype=np.int64)
    folds = StratifiedGroupKFold(20, shuffle=True, random_state=0).split(labels, labels, speakers)
    for number, (_, mine) in enumerate(folds):
        parts[mine] = 0 if number < 14 else 1 if number < 17 else 2
    return parts


METHODS: dict[str, Callable[[Speakers, Labels, float], Parts]] = {
    "ours": divide_ours,
    "GroupShuffleSplit": divide_by_shuffling,
    "StratifiedGroupKFold": divide_by_folds,
}


def measure(parts: Parts, labels: Labels) -> tuple[float, float]:
    """Worst deviation of size, and of class share."""
    sizes = np.array([(parts == part).mean() for part in range(3)])
    shares = np.array([[(parts[labels == label] == part).mean() for label in np.unique(labels)] for part in range(3)])
    return float(np.abs(sizes - SHARES).max()), float(np.abs(shares - SHARES[:, None]).max())


def compare(title: str, corpora: Sequence[tuple[Speakers, Labels]], seconds: float) -> None:
    """Print a line a method."""
    print(f"\n{title}\n{'':22}{'size: median':>13}{'max':>8}{'class: median':>15}{'max':>8}{'s: median':>11}{'max':>7}")
    for name, divide in METHODS.items():
        figures = []
        for speakers, labels in corpora:
            started = time.perf_counter()
            parts = divide(speakers, labels, seconds)
            figures.append((*measure(parts, labels), time.perf_counter() - started))
        size, share, took = np.array(figures).T
        print(
            f"{name:22}{np.median(size):13.4f}{size.max():8.4f}{np.median(share):15.4f}{share.max():8.4f}"
            f"{np.median(took):11.2f}{took.max():7.2f}",
            flush=True,
        )


def main() -> None:
    """Compare all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--crema-d", type=Path, help="folder with summaryTable.csv")
    options = parser.parse_args()
    if options.crema_d:
        speakers, labels = read_crema_d(options.crema_d)
        compare(f"CREMA-D, {len(set(speakers.tolist()))} actors", [(speakers, labels)], options.seconds)
    corpora = [make_corpus(seed) for seed in range(options.corpora)]
    compare(f"{options.corpora} random corpora", corpora, options.seconds)


if __name__ == "__main__":
    main()
