"""How long an assignment takes: 100,000 items, five of sixty raters each, with hidden gold and repeats.

Usage: python benchmarks/assign.py [--utterances N] [--raters R] [--per-item K] [--conditions C]
"""

import argparse
import resource
import time
from collections import Counter

from sdme_tools.annotation.assign import Material, assign
from sdme_tools.records.annotation import Condition, RoundDesign, TaskRole


def main() -> None:
    """Assign and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=100_000)
    parser.add_argument("--raters", type=int, default=60)
    parser.add_argument("--per-item", type=int, default=5)
    parser.add_argument("--conditions", type=int, default=1)
    options = parser.parse_args()
    conditions = tuple(Condition)[: options.conditions]
    design = RoundDesign(
        conditions=conditions,
        raters=tuple(f"r{n}" for n in range(options.raters)),
        per_item=options.per_item,
        select="all",
        seed=0,
        gold_rate=0.05,
        repeat_rate=0.05,
    )
    gold = [f"g{n}" for n in range(2000)]
    utterances = [f"u{n}" for n in range(options.utterances)]
    started = time.perf_counter()
    tasks = assign("benchmark", design, Material(utterances, dict.fromkeys(conditions, gold), {}))
    seconds = time.perf_counter() - started
    loads = Counter(task.rater_id for task in tasks if task.role is TaskRole.REGULAR)
    raters = Counter(task.item_id for task in tasks if task.role is TaskRole.REGULAR)
    print(
        f"{len(tasks)} tasks in {seconds:.1f} s; peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB"
    )
    print(
        f"raters an item {sorted(set(raters.values()))}, regular loads {min(loads.values())} to {max(loads.values())}"
    )


if __name__ == "__main__":
    main()
