"""How long agreement takes on a million votes with a thousand resamples: 15 s on 2 cores is the aim.

    python benchmarks/agreement.py [--votes 1000000]

The votes are made: 5 of 60 raters on each clip of 500 speakers, seven labels, one condition. Measured are `sdme
agreement` on them as a file and as a round of a corpus, from the start of the process to its end, and in this process
each statistic alone, with speakers and (the worst case) every clip by itself as what is resampled.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sdme_tools.annotation.agreement.bootstrap import Resampler
from sdme_tools.annotation.agreement.raters import measure_pairs, measure_raters
from sdme_tools.annotation.agreement.slices import measure_labels, measure_slices
from sdme_tools.annotation.agreement.vote_table import CastVote, build_table
from sdme_tools.annotation.consensus_models import fit_dawid_skene
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import write_record, write_table
from sdme_tools.records.annotation import Annotation, Condition, Item, Round, make_item_id

LABELS = ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust")
NUM_SPEAKERS, NUM_RATERS, PER_ITEM = 500, 60, 5


def make_votes(num_votes: int) -> list[CastVote]:
    """Raters are right in two cases of three."""
    rng = np.random.default_rng(0)
    num_items = num_votes // PER_ITEM
    truth = rng.integers(len(LABELS), size=num_items)
    first = rng.integers(NUM_RATERS, size=num_items)
    votes = []
    for item in range(num_items):
        said = np.where(rng.random(PER_ITEM) < 2 / 3, truth[item], rng.integers(len(LABELS), size=PER_ITEM))
        name = f"s{item % NUM_SPEAKERS:03d}-{item:06d}"
        votes += [
            CastVote("made", Condition.FULL, name, f"r{(first[item] + 7 * k) % NUM_RATERS:02d}", LABELS[said[k]])
            for k in range(PER_ITEM)
        ]
    return votes


def write_file(path: Path, votes: list[CastVote]) -> None:
    """Write the votes as a file with speakers."""
    lines = [f"{v.utterance_id},{v.rater_id},{v.label},{v.utterance_id[:4]}\n" for v in votes]
    path.write_text("utterance_id,rater_id,label,speaker_id\n" + "".join(lines), encoding="utf-8")


def write_round(root: Path, votes: list[CastVote]) -> None:
    """Write the votes as a round of a corpus without recordings."""
    corpus = Corpus.create(root, LABELS)
    folder = corpus.layout.round_dir("made")
    write_record(
        folder / "round.json", Round(round_id="made", labels=LABELS, cannot_tell="cannot tell", origin="import")
    )
    names = dict.fromkeys(vote.utterance_id for vote in votes)
    items = {name: make_item_id(name, Condition.FULL) for name in names}
    write_table(
        folder / "items.jsonl",
        [Item(item_id=i, round_id="made", utterance_id=n, condition=Condition.FULL) for n, i in items.items()],
    )
    cast = (Annotation(item_id=items[v.utterance_id], rater_id=v.rater_id, label=v.label) for v in votes)
    write_table(folder / "annotations.jsonl", cast)


def clock(what: str, work: Callable[[], object]) -> None:
    """Print how long it takes, and of how much processor time, which other work on the machine disturbs less."""
    began, used = time.perf_counter(), os.times()
    work()
    now = os.times()
    spent = sum(now[:4]) - sum(used[:4])
    print(f"{what:46} {time.perf_counter() - began:6.2f} s, {spent:6.2f} s of processor", flush=True)


def run_command(source: Path) -> None:
    """Run `sdme agreement` in a process of its own, and check that it measured."""
    command = [sys.executable, "-m", "sdme_tools.cli.main", "agreement", str(source), "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    alpha = json.loads(done.stdout)["overall"][0]["alpha"]
    if alpha["low"] is None:
        raise SystemExit(f"no interval: {alpha}")


def main() -> None:
    """Make the votes, and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--votes", type=int, default=1_000_000)
    votes = make_votes(parser.parse_args().votes)
    print(f"{len(votes)} votes, {len(votes) // PER_ITEM} clips, {NUM_SPEAKERS} speakers, 1,000 resamples")
    with tempfile.TemporaryDirectory() as folder:
        write_file(Path(folder) / "votes.csv", votes)
        clock("sdme agreement votes.csv", lambda: run_command(Path(folder) / "votes.csv"))
        write_round(Path(folder) / "corpus", votes)
        clock("sdme agreement corpus (every clip by itself)", lambda: run_command(Path(folder) / "corpus"))
    speaker_of = {vote.utterance_id: vote.utterance_id[:4] for vote in votes}
    table = build_table(votes, labels=LABELS, cannot_tell=None, cluster_of=speaker_of)
    alone = build_table(votes, labels=LABELS, cannot_tell=None, cluster_of={})
    clock("all coefficients, by speaker", lambda: measure_slices(table, Resampler(NUM_SPEAKERS, 1000, 0)))
    clock("all coefficients, by clip", lambda: measure_slices(alone, Resampler(len(alone.clusters), 1000, 0)))
    clock("labels, by speaker", lambda: measure_labels(table, Resampler(NUM_SPEAKERS, 1000, 0)))
    clock("60 raters, by speaker", lambda: measure_raters(table, Resampler(NUM_SPEAKERS, 1000, 0)))
    clock("pairs of raters, by speaker", lambda: measure_pairs(table, Resampler(NUM_SPEAKERS, 1000, 0)))
    clock("Dawid–Skene", lambda: fit_dawid_skene(table.unit, table.rater, table.label, 7, smoothing=0.1))


if __name__ == "__main__":
    main()
