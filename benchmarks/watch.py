"""Which raters of simulated crowds `sdme round status` flags: precision and recall by kind of rater.

Thirteen raters a crowd, of whom six are accurate; five of them vote on each of 600 clips, with 5 % gold and repeats.
Seeds 0 to 19 were used to set the thresholds of `annotation/suspicion.py`; report others.

Usage: python benchmarks/watch.py [--seeds 100-139] [--utterances 600] [--clean]
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.tooling.simulated_round import CROWD, simulate


def main() -> None:
    """Simulate, flag, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="100-139")
    parser.add_argument("--utterances", type=int, default=600)
    parser.add_argument("--clean", action="store_true", help="thirteen accurate raters: every flag is false")
    options = parser.parse_args()
    first, last = map(int, options.seeds.split("-"))
    seen, flagged, why = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for seed in range(first, last + 1):
        status, kinds = simulate(seed, options.utterances, ("accurate",) * 13 if options.clean else CROWD)
        for rater in status.raters:
            kind = kinds[rater.rater_id]
            seen[kind] += 1
            flagged[kind] += bool(rater.flags)
            why.update((kind, flag.split(":")[0].split(" as r")[0].split(" by ")[0]) for flag in rater.flags)
    for kind in seen:
        reasons = ", ".join(f"{reason} {number}" for (k, reason), number in why.most_common() if k == kind)
        print(f"{kind:10} flagged {flagged[kind]:4} of {seen[kind]:4}   {reasons}")
    bad, found = sum(seen.values()) - seen["accurate"], sum(flagged.values()) - flagged["accurate"]
    if bad:
        print(f"recall {found / bad:.3f}, precision {found / max(1, sum(flagged.values())):.3f}")


if __name__ == "__main__":
    main()
