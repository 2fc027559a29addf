"""A release loads with the tools that people have, and says the same in each of them."""

import io
import os
import subprocess
import sys
from pathlib import Path

import av
import pyarrow.parquet as pq
import pytest

from sdme_tools.records.quality import FaceMaterialQuality, VoiceQuality
from sdme_tools.release.build import build_release
from tests.unit.release.tiny_corpus import LABELS, make_corpus, vote

_LOAD = """
import json, sys
from datasets import Audio, Video, load_dataset

folder, cache = sys.argv[1:]
loaded = load_dataset(folder, cache_dir=cache)
streamed = load_dataset(folder, streaming=True)

def plain(dataset):
    dataset = dataset.cast_column("voice", Audio(decode=False)).cast_column("face", Video(decode=False))
    rows = []
    for row in dataset:
        voice, face = row.pop("voice"), row.pop("face")
        rows.append(row | {"voice_size": len(voice["bytes"]), "voice_path": voice["path"],
                           "face_size": len(face["bytes"]) if face else None})
    return rows

memory = {split: plain(loaded[split]) for split in loaded}
clean = loaded["train"].filter(lambda snr, size: snr >= 24 and (size or 0) >= 44,
                               input_columns=["voice_snr_db", "face_median_size_px"])
features = loaded["train"].features
print(json.dumps({
    "memory": memory,
    "same": memory == {split: plain(streamed[split]) for split in streamed},
    "label_names": features["label"].names,
    "voice": [type(features["voice"]).__name__, features["voice"].sampling_rate],
    "face": type(features["face"]).__name__,
    "clean": sorted(clean.remove_columns(["voice", "face"])["utterance_id"]),
    "quality": {name: feature.dtype for name, feature in features.items() if name.startswith(("voice_", "face_"))},
}))
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    corpus = make_corpus(root / "corpus")
    vote(corpus, root / "votes.csv")
    return build_release(corpus, "1.0.0").folder


def test_datasets_in_memory_and_streaming_and_pyarrow_agree(release: Path, tmp_path: Path) -> None:
    # A process of its own: the switches that keep the library offline and quiet are read at its import.
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(release), str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    import json

    seen = json.loads(done.stdout)
    assert seen["same"]
    assert seen["label_names"] == list(LABELS)
    assert seen["voice"] == ["Audio", 16_000]
    assert seen["face"] == "Video"

    for split, rows in seen["memory"].items():
        table = pq.read_table(sorted((release / "data").glob(f"{split}-*.parquet"))[0])
        plain = table.to_pylist()
        for row in plain:
            voice, face = row.pop("voice"), row.pop("face")
            row["voice_size"], row["voice_path"] = len(voice["bytes"]), voice["path"]
            row["face_size"] = len(face["bytes"]) if face else None
        assert plain == rows
    assert sum(len(rows) for rows in seen["memory"].values()) == 24

    table = pq.read_table(release / "data", filters=[("voice_snr_db", ">=", 24), ("face_median_size_px", ">=", 44)])
    kept = [row for row in table.to_pylist() if row["split"] == "train"]
    assert 0 < len(kept) < len(seen["memory"]["train"])
    assert seen["clean"] == sorted(row["utterance_id"] for row in kept)
    measures = [f"voice_{name}" for name in VoiceQuality.model_fields]
    measures += [f"face_{name}" for name in FaceMaterialQuality.model_fields]
    assert list(seen["quality"]) == measures
    assert (seen["quality"]["voice_snr_db"], seen["quality"]["face_median_size_px"]) == ("float64", "int64")


def test_every_figure_of_quality_is_in_its_row_and_what_was_not_measured_is_null(release: Path) -> None:
    rows = {row["utterance_id"]: row for row in pq.read_table(release / "data").to_pylist()}
    row = rows["tea_3000_3800"]
    assert (row["voice_snr_db"], row["voice_bandwidth_hz"], row["voice_loudness_lufs"]) == (23.0, 8000, -23.0)
    assert (row["face_median_size_px"], row["face_median_yaw_deg"], row["face_seen_share"]) == (43, -12.5, 1.0)
    assert (row["speech_ms"], row["overlap_ms"], row["face_mouth_hidden_share"]) == (800, 0, None)
    faceless = rows["tea_0_800"]
    assert faceless["face_seen_share"] is faceless["face_median_size_px"] is None
    assert faceless["voice_snr_db"] == 20.0


def test_media_in_the_shards_decode(release: Path) -> None:
    row = next(row for row in pq.read_table(release / "data").to_pylist() if row["face"])
    with av.open(io.BytesIO(row["voice"]["bytes"])) as container:
        num_heard = sum(frame.samples for frame in container.decode(audio=0))
    with av.open(io.BytesIO(row["face"]["bytes"])) as container:
        num_seen = sum(1 for _ in container.decode(video=0))
    assert num_heard == (row["end_ms"] - row["start_ms"]) * 16
    assert num_seen == 20
    assert row["voice"]["path"] == f"{row['utterance_id']}.flac"
