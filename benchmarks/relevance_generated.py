"""Does the relevance network find the foreign modality, and does that help? On generated data, over several seeds.

Half of the clips have one modality that shows another class (`sdme_tools.training.generated`). Printed per network,
mean ± standard deviation over the seeds (each seed draws another data set and other weights): the area under the ROC of
(1 − α_m) for the foreign modality over all modalities of all unseen clips, and WA on unseen speakers. Below, the
differences of the relevance network from each of the others, seed by seed, with the 95 % interval of their mean by
Student's t.

The data's difficulty and the training settings were chosen on other data sets (seeds 100 to 104) than those drawn here.

    python benchmarks/relevance_generated.py --seeds 5
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from sdme_tools.training.generated import GeneratedSet, GeneratedSettings, generate_set
from sdme_tools.training.loop import Predictions, TrainSettings, train_network

SETTINGS = TrainSettings(device="cpu")
VARIANTS = {
    "relevance": SETTINGS,
    "concat": SETTINGS.model_copy(update={"network": "concat"}),
    "without L_rse": SETTINGS.model_copy(update={"lambda_rse": 0.0}),
    "without L_con": SETTINGS.model_copy(update={"lambda_con": 0.0}),
}


def foreign_auroc(generated: GeneratedSet, predictions: Predictions) -> float:
    """Area under the ROC of 1 − α over all (clip, modality) pairs; NaN for a network that weighs nothing."""
    if predictions.relevance is None:
        return float("nan")
    is_foreign = generated.foreign[predictions.rows][:, None] == np.arange(len(generated.table.modalities))
    return float(roc_auc_score(is_foreign.ravel(), 1 - predictions.relevance.ravel()))


def measure(seed: int, settings: TrainSettings) -> tuple[float, float]:
    """Train on the data set of a seed; returns AUROC and WA on test, 0 to 1."""
    generated = generate_set(GeneratedSettings(), seed=seed)
    result = train_network(generated.table, settings.model_copy(update={"seed": seed}))
    predictions = result.predictions["test"]
    wa = float((predictions.predicted == generated.table.labels[predictions.rows]).mean())
    return foreign_auroc(generated, predictions), wa


def _say(value: float) -> str:
    return "  –  " if np.isnan(value) else f"{value:.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    num_seeds, jobs = arguments.seeds, arguments.jobs
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in VARIANTS}
    tries = [(seed, name) for seed in range(num_seeds) for name in VARIANTS]
    with ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn")) as pool:
        results = pool.map(measure, [seed for seed, _ in tries], [VARIANTS[name] for _, name in tries])
        for (seed, name), (auroc, wa) in zip(tries, results, strict=True):
            figures[name].append((auroc, wa))
            print(f"seed {seed}  {name:14s}  AUROC {_say(auroc)}  WA {wa:.3f}", flush=True)
    print(f"\n{'':14s}  AUROC            WA               relevance − it, points of WA")
    of_relevance = np.array(figures["relevance"])
    for name, rows in figures.items():
        values = np.array(rows)
        (auroc, wa), (auroc_sd, wa_sd) = values.mean(axis=0), values.std(axis=0, ddof=min(1, num_seeds - 1))
        difference = 100 * (of_relevance - values)[:, 1]
        spread = difference.std(ddof=min(1, num_seeds - 1))
        mean, half = difference.mean(), float(t.ppf(0.975, num_seeds - 1)) * spread / num_seeds**0.5
        print(
            f"{name:14s}  {_say(auroc)} ± {_say(auroc_sd)}    {wa:.3f} ± {wa_sd:.3f}    "
            f"{mean:+.1f} ± {spread:.1f}  [{mean - half:+.1f}, {mean + half:+.1f}]"
        )


if __name__ == "__main__":
    main()
