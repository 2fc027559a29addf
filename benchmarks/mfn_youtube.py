"""All networks on features of other people: the YouTube opinions of MFN, beside logistic regression of the means.

The files hold 173, 36 and 60 clips of three classes. Text is missing in train, so voice (74 features) and face (36) are
imported, as `sdme features import` does it. Most clips are empty in both: nothing but zeros. Who speaks is not known,
so intervals resample clips and are too narrow. Printed: WA and UA on test, mean ± sd over the seeds, and the 95 %
interval of the mean WA over resampled clips; then the same of the clips that are not empty.

    python benchmarks/mfn_youtube.py ../shared/data/features/mfn_youtube --seeds 5
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sdme_tools.training.dataset import FeatureTable
from sdme_tools.training.features.importing import ImportPlan, IndexFile, SequenceFile, import_features
from sdme_tools.training.loop import TrainSettings, train_network
from sdme_tools.training.networks import NETWORKS
from sdme_tools.training.table_file import read_feature_table

PARTS = {"train": "train", "validation": "valid", "test": "test"}
FILES = {"voice": "audio", "face": "video"}
LABELS = ("class 0", "class 1", "class 2")


def load(folder: Path) -> FeatureTable:
    """Import the files; the label's array holds one-hot rows."""
    plan = ImportPlan(
        index=[IndexFile(folder / f"y_{part}.h5", split) for split, part in PARTS.items()],
        sequences=[
            SequenceFile(modality, folder / f"{file}_{part}.h5", split, "d1")
            for modality, file in FILES.items()
            for split, part in PARTS.items()
        ],
        columns={"label": "d1"},
        label_names=LABELS,
        groups_known=False,
    )
    with tempfile.TemporaryDirectory() as scratch:
        import_features(plan, Path(scratch) / "mfn.parquet")
        return read_feature_table(Path(scratch) / "mfn.parquet")


def mean_pooled(table: FeatureTable, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of each feature over the steps, of all modalities side by side."""
    columns = [
        np.stack([steps.mean(axis=0) for row in rows if (steps := column[row]) is not None])
        for column in table.sequences.values()
    ]
    return np.concatenate(columns, axis=1).astype(np.float64)


def variants(seeds: int) -> dict[str, list[TrainSettings]]:
    """Each network over the seeds; one that looks at a single modality, with each of them."""
    found: dict[str, list[dict[str, object]]] = {}
    for name in NETWORKS:
        if name == "unimodal":
            found |= {f"{name}, {modality}": [{"network": name, "modality": modality}] for modality in FILES}
        else:
            found[name] = [{"network": name}]
    return {
        name: [TrainSettings.model_validate({**choice, "seed": seed, "device": "cpu"}) for seed in range(seeds)]
        for name, (choice,) in found.items()
    }


def say(name: str, predicted: NDArray[np.int64], labels: NDArray[np.int64], filled: NDArray[np.bool_]) -> None:
    """Print a row: predictions `int64[seeds, N]`."""
    for subject, rows in (("all", np.ones_like(filled)), ("not empty", filled)):
        right = (predicted == labels)[:, rows]
        wa = right.mean(axis=1)
        ua = [recall_score(labels[rows], seed[rows], average="macro", zero_division=0) for seed in predicted]
        random = np.random.default_rng(0)
        draws = random.integers(rows.sum(), size=(5000, rows.sum()))
        low, high = np.quantile(right.mean(axis=0)[draws].mean(axis=1), [0.025, 0.975])
        spread = min(1, len(wa) - 1)
        print(
            f"{name:18s} {subject:9s} {rows.sum():3d}   {wa.mean():.3f} ± {wa.std(ddof=spread):.3f} "
            f"[{low:.3f}, {high:.3f}]   {np.mean(ua):.3f} ± {np.std(ua, ddof=spread):.3f}",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    table = load(arguments.folder)
    train, test = table.rows_of("train"), table.rows_of("test")
    labels = table.labels[test]
    filled = np.array([any((column[row] != 0).any() for column in table.sequences.values()) for row in test])
    print(f"{(~filled).sum()} of {len(test)} test clips are empty\n")
    print(f"{'':18s} {'':9s}   N   WA, mean ± sd and interval          UA")
    commonest = np.bincount(table.labels[train]).argmax()
    say("commonest of train", np.full((1, len(test)), commonest), labels, filled)
    plain, scaled = LogisticRegression(max_iter=5000), StandardScaler()
    for name, regression in {"logistic": plain, "logistic, scaled": make_pipeline(scaled, plain)}.items():
        regression.fit(mean_pooled(table, train), table.labels[train])
        say(name, regression.predict(mean_pooled(table, test))[None], labels, filled)
    for name, settings in variants(arguments.seeds).items():
        runs = [train_network(table, one).predictions["test"].predicted for one in settings]
        say(name, np.stack(runs), labels, filled)


if __name__ == "__main__":
    main()
