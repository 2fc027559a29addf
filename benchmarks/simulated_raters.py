"""Raters whose truth is known: does Dawid–Skene beat majority, and does asking only where it is needed save votes?

    python benchmarks/simulated_raters.py [--seeds 5]

Six kinds of raters (KINDS in tests/tooling/simulated_raters.py) vote on easy and hard clips of seven emotions of
unequal frequency. Printed are, as mean ± sd over seeds (default 5), the share of clips whose label is right for each
method with five votes a clip (a tie counts as wrong), and then for rounds that begin with two votes a clip and ask a
further rater only where the posterior lies below a target, the votes a clip and the share right, against rounds of one
to seven votes for every clip with the same raters.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from sdme_tools.records.annotation import ConsensusMethod

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.tooling.simulated_raters import Crowd, Study


def _say(values: list[float], scale: float = 100) -> str:
    return f"{scale * np.mean(values):6.2f} ± {scale * np.std(values, ddof=1):4.2f}"


def main() -> None:
    """Print both tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=5, help="at least 2")
    seeds = range(max(2, arguments.parse_args().seeds))
    methods = tuple(ConsensusMethod)
    found: dict[str, list[float]] = {}
    for seed in seeds:
        study = Study(Crowd(2000, seed))
        for votes in range(1, 8):
            study.ask_all(1)
            found.setdefault(f"fixed {votes} dawid_skene", []).append(study.accuracy(ConsensusMethod.DAWID_SKENE))
            found.setdefault(f"fixed {votes} plurality", []).append(study.accuracy(ConsensusMethod.PLURALITY))
            if votes == 5:
                for method in methods:
                    found.setdefault(method.value, []).append(study.accuracy(method))
        for target in (0.7, 0.8, 0.9, 0.95):
            study = Study(Crowd(2000, seed))
            study.ask_all(2)
            study.extend(target, 7)
            found.setdefault(f"adaptive {target} accuracy", []).append(study.accuracy(ConsensusMethod.DAWID_SKENE))
            found.setdefault(f"adaptive {target} votes", []).append(study.votes_per_item)
    print("five votes a clip          share right, %")
    for method in methods:
        print(f"{method.value:26} {_say(found[method.value])}")
    print("\nDawid–Skene                votes a clip    share right, %     plurality, %")
    for votes in range(1, 8):
        by_model, by_votes = (_say(found[f"fixed {votes} {name}"]) for name in ("dawid_skene", "plurality"))
        print(f"fixed {votes:<20} {votes:6.2f}          {by_model}      {by_votes}")
    for target in (0.7, 0.8, 0.9, 0.95):
        spent, right = (_say(found[f"adaptive {target} {what}"], s) for what, s in (("votes", 1), ("accuracy", 100)))
        print(f"2 to 7, target {target:<11} {spent}   {right}")


if __name__ == "__main__":
    main()
