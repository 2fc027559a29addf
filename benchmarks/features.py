"""Is reading features ever the bottleneck, and how fast are the light encoders? All in one run, one thread each.

A made-up table as large a row as that of the light encoders (voice 150 × 42, face 15 × 324, text 12 × 96) is written,
read and checked, then trained on. Then each light encoder describes a voice and a face video of 3 s and a sentence.

    PYTHONPATH=. python benchmarks/features.py --utterances 2000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from sdme_tools.errors import SdmeError
from sdme_tools.training.dataset import FeatureTable
from sdme_tools.training.features.encoders import ENCODERS, EncoderSettings, create_encoder
from sdme_tools.training.loop import TrainSettings, train_network
from sdme_tools.training.table_file import read_feature_table, write_feature_table
from tests.unit.release.tiny_corpus import make_face, make_voice

SHAPES = {"voice": (150, 42), "face": (15, 324), "text": (12, 96)}
EPOCHS = 2


def make_table(num: int) -> FeatureTable:
    """Noise of the right shapes; splits by speaker, 80 : 10 : 10."""
    random = np.random.default_rng(0)
    speakers = np.arange(num) % 50
    return FeatureTable(
        utterance_ids=[f"u{row:07d}" for row in range(num)],
        speaker_ids=[f"s{speaker}" for speaker in speakers],
        splits=["train" if s < 40 else "validation" if s < 45 else "test" for s in speakers],
        labels=random.integers(7, size=num).astype(np.int64),
        label_names=tuple(f"class {number}" for number in range(7)),
        sequences={
            name: [random.standard_normal(shape, np.float32) for _ in range(num)] for name, shape in SHAPES.items()
        },
    )


def compare_reading(num: int) -> None:
    """Print rows/s of writing, reading and training."""
    table = make_table(num)
    megabytes = sum(rows.nbytes for column in table.sequences.values() for rows in column if rows is not None) / 1e6
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "table.parquet"
        begun = time.perf_counter()
        write_feature_table(table, path)
        written = time.perf_counter()
        table = read_feature_table(path)
        read = time.perf_counter()
    print(f"{num} utterances, {megabytes:.0f} MB")
    print(f"write and check {num / (written - begun):9.0f} utterances/s")
    reading = num / (read - written)
    print(f"read and check  {reading:9.0f} utterances/s")
    for network in ("concat", "relevance"):
        settings = TrainSettings(network=network, epochs=EPOCHS, warm_up_epochs=0, device="cpu")
        begun = time.perf_counter()
        train_network(table, settings)
        speed = EPOCHS * len(table.rows_of("train")) / (time.perf_counter() - begun)
        print(
            f"train {network:10s}{speed:9.0f} utterances/s and epoch: reading once is {reading / speed:.0f} × as fast"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


def time_encoders(seconds: float) -> None:
    """Print utterances/s of every light encoder on one thread."""
    contents = {"voice": make_voice(180, 3000), "face": make_face(180, 75), "text": b"turn the light off, will you?"}
    for modality, names in ENCODERS.items():
        for name in names:
            encoder = create_encoder(modality, EncoderSettings(name))
            try:
                encoder.prepare(contents[modality])  # loads what has to be loaded
            except SdmeError as error:
                print(f"{name:15s} its first look: {error.what}")
            begun, count = time.perf_counter(), 0
            while time.perf_counter() - begun < seconds:
                try:
                    prepared = encoder.prepare(contents[modality])
                    encoder.encode([prepared] if prepared is not None else [])
                except SdmeError:
                    pass  # landmarks: no face in the drawn square, which takes as long as if there were one
                count += 1
            print(f"{name:15s}{count / (time.perf_counter() - begun):9.1f} utterances/s")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    compare_reading(arguments.utterances)
    time_encoders(arguments.seconds)


if __name__ == "__main__":
    main()
