"""Does each network's own idea help where it should? Against its ablations, on data made for it, over several seeds.

- foal on `generated_alignment`: the emotion that misaligned modalities share. Without AVEL, without MEM, without both.
- mmmie on `generated_nuisance`: strong nuisance of each modality's own. Without vCLUB, without InfoNCE, without both.
- mmmie on `generated_dialogue`: what is meant is decided by the dialogue. Without identity embedding, without context.

Each seed draws another data set and other weights. Printed: WA on unseen speakers, mean ± standard deviation over
seeds, and the network minus each of the others, seed by seed: mean, standard deviation, and the 95 % interval of the
mean difference by Student's t. The data's difficulty and the networks' settings were chosen on other seeds (100 and up)
than those drawn here.

    python benchmarks/networks_generated.py --seeds 5
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from scipy.stats import t

from sdme_tools.training.dataset import FeatureTable
from sdme_tools.training.generated_alignment import AlignmentSettings, generate_alignment_set
from sdme_tools.training.generated_dialogue import DialogueSettings, generate_dialogue_set
from sdme_tools.training.generated_nuisance import NuisanceSettings, generate_nuisance_set
from sdme_tools.training.loop import TrainSettings, train_network

Variant = dict[str, object]

# Shorter than the defaults, because there are many trainings.
SHORTER: Variant = {"epochs": 50, "patience": 12}
TABLES: dict[str, Callable[[int], FeatureTable]] = {
    "alignment": lambda seed: generate_alignment_set(AlignmentSettings(), seed=seed),
    "nuisance": lambda seed: generate_nuisance_set(NuisanceSettings(), seed=seed),
    "dialogue": lambda seed: generate_dialogue_set(DialogueSettings(), seed=seed),
}
VARIANTS: dict[str, dict[str, Variant]] = {
    "alignment": {
        "foal": {"network": "foal"},
        "without AVEL": {"network": "foal", "lambda_avel": 0.0},
        "without MEM": {"network": "foal", "lambda_mem": 0.0},
        "without both": {"network": "foal", "lambda_avel": 0.0, "lambda_mem": 0.0},
        "concat": {"network": "concat"},
    },
    "nuisance": {
        "mmmie": {"network": "mmmie"},
        "without vCLUB": {"network": "mmmie", "lambda_club": 0.0},
        "without InfoNCE": {"network": "mmmie", "lambda_nce": 0.0},
        "without both": {"network": "mmmie", "lambda_club": 0.0, "lambda_nce": 0.0},
        "concat": {"network": "concat"},
    },
    "dialogue": {
        "mmmie": {"network": "mmmie"},
        "without identity": {"network": "mmmie", "use_identity": False},
        "without context": {"network": "mmmie", "max_dialogue": 1},
        "concat": {"network": "concat"},
    },
}


def measure(data: str, variant: Variant, seed: int) -> float:
    """Train on the data set of a seed; returns WA on test, 0 to 1."""
    table = TABLES[data](seed)
    settings = TrainSettings.model_validate({"device": "cpu", "seed": seed, **SHORTER, **variant})
    predictions = train_network(table, settings).predictions["test"]
    return float((predictions.predicted == table.labels[predictions.rows]).mean())


def _interval(differences: np.ndarray) -> str:
    """Mean, deviation and 95 % interval of the mean of paired differences, in points."""
    mean, deviation, count = differences.mean(), differences.std(ddof=1), len(differences)
    half = float(t.ppf(0.975, count - 1)) * deviation / count**0.5
    return f"{mean:+5.1f} ± {deviation:.1f}  [{mean - half:+.1f}, {mean + half:+.1f}]"


def _collect(data: str, name: str, seeds: range, waiting: list[Future[float]]) -> list[float]:
    """Wait for the seeds of a variant, and say each as it comes."""
    values = []
    for seed, future in zip(seeds, waiting, strict=True):
        values.append(future.result())
        print(f"{data}, seed {seed}  {name:17s}  WA {values[-1]:.3f}", flush=True)
    return values


def main() -> None:
    """Print a table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=list(TABLES), nargs="+", default=list(TABLES))
    parser.add_argument("--seeds", type=int, default=5, help="at least two")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    with ProcessPoolExecutor(max_workers=arguments.jobs, mp_context=get_context("spawn")) as pool:
        for data in arguments.data:
            futures = {
                name: [pool.submit(measure, data, variant, seed) for seed in seeds]
                for name, variant in VARIANTS[data].items()
            }
            figures = {name: np.array(_collect(data, name, seeds, waiting)) for name, waiting in futures.items()}
            own = next(iter(figures))
            print(f"\n{data:17s}  WA               {own} − it, points of WA: mean ± sd [95 % of the mean]")
            for name, values in figures.items():
                difference = "" if name == own else _interval(100 * (figures[own] - values))
                print(f"{name:17s}  {values.mean():.3f} ± {values.std(ddof=1):.3f}    {difference}", flush=True)


if __name__ == "__main__":
    main()
