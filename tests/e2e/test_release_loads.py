"""A release loads with the tools that people have, and says the same in each of them."""

import io
import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import av
import pyarrow.parquet as pq
import pytest
from torch.utils.data import DataLoader

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.records.quality import FaceMaterialQuality, VoiceQuality
from sdme_tools.release import shards
from sdme_tools.release.build import build_release
from sdme_tools.training.parquet_pages import locate_pages
from sdme_tools.training.released import EpochOrder, ReleaseDataset
from tests.e2e.loading import plain
from tests.unit.release.tiny_corpus import LABELS, TURN_MS, make_corpus, vote

LOADING = Path(__file__).with_name("loading.py")

_FEATURES = """
import json, sys
from datasets import load_dataset

train = load_dataset(sys.argv[1], cache_dir=sys.argv[2], split="train")
votes = load_dataset(sys.argv[1], data_dir="annotations", cache_dir=sys.argv[2], split="train")
clean = train.filter(lambda snr, size: snr >= 24 and (size or 0) >= 44,
                     input_columns=["voice_snr_db", "face_median_size_px"])
features = train.features
print(json.dumps({
    "num_train": len(train),
    "label_names": features["label"].names,
    "voice": [type(features["voice"]).__name__, features["voice"].sampling_rate],
    "face": type(features["face"]).__name__,
    "clean": sorted(clean.remove_columns(["voice", "face"])["utterance_id"]),
    "quality": {name: feature.dtype for name, feature in features.items() if name.startswith(("voice_", "face_"))},
    "votes": {"role": sorted(set(votes["role"])), "lead_ms": votes.features["lead_ms"].dtype,
              "presented_at": votes.features["presented_at"].dtype},
}))
"""

_DECODE = """
import json, os, sys
from datasets import load_dataset

loaded = load_dataset(sys.argv[1], cache_dir=sys.argv[2], split="train")
streamed = load_dataset(sys.argv[1], split="train", streaming=True)
rows = [next(row for row in rows if row["face"] is not None) for rows in (loaded, streamed)]
voices = [row["voice"].get_all_samples() for row in rows]
print(json.dumps({
    "num_samples": [voice.data.shape[-1] for voice in voices],
    "rate_hz": voices[0].sample_rate,
    "picture": list(rows[0]["face"][0].shape),
}), flush=True)
os._exit(0)  # the readers that datasets leaves running may abort an orderly end
"""

_RESUME_STREAM = """
import json, os, sys
from itertools import islice
from datasets import load_dataset

stream = load_dataset(sys.argv[1], split="train", streaming=True).select_columns(["utterance_id"])
whole = [row["utterance_id"] for row in stream]
before = []
for row in stream:
    before.append(row["utterance_id"])
    if len(before) == 3:
        break
state = stream.state_dict()
again = load_dataset(sys.argv[1], split="train", streaming=True).select_columns(["utterance_id"])
again.load_state_dict(state)
print(json.dumps({"whole": whole, "before": before, "after": [row["utterance_id"] for row in again]}), flush=True)
os._exit(0)  # the readers that datasets leaves running may abort an orderly end
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("made")
    corpus = make_corpus(root / "corpus")
    vote(corpus, root / "votes.csv")
    return corpus


@pytest.fixture(scope="module")
def release(corpus: Corpus) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "_OVERHEAD_BYTES", 200_000)  # so that small media fill several shards and row groups
        patch.setattr(shards, "_ROW_GROUP_BYTES", 700_000)
        return build_release(corpus, "1.0.0", {"shard_mb": 1}).folder


@pytest.fixture(scope="module")
def rows(release: Path) -> dict[str, list[dict[str, Any]]]:
    """What every loader must see, by split: read with pyarrow, file by file."""
    splits = ("train", "validation", "test")
    files = {split: sorted((release / "data").glob(f"{split}-*.parquet")) for split in splits}
    assert all(len(paths) > 1 for paths in files.values())
    return {
        split: [plain(r) for path in paths for r in pq.read_table(path).to_pylist()] for split, paths in files.items()
    }


def run_offline(home: Path, *words: str | Path) -> Any:
    """Run Python in a process of its own: the switches that keep `datasets` offline are read at its import."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "HF_DATASETS_OFFLINE": "1"}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, *map(str, words)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("loader", ["pyarrow", "duckdb", "polars", "datasets", "datasets_streaming", "sdme", "torch"])
def test_every_loader_sees_every_row(
    release: Path, rows: dict[str, list[dict[str, Any]]], tmp_path: Path, loader: str
) -> None:
    seen = run_offline(tmp_path, LOADING, loader, release, tmp_path)
    assert {split: len(found) for split, found in seen.items()} == {split: len(mine) for split, mine in rows.items()}
    assert seen == rows


def without_names(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The same with labels by their names and media by their hashes only, as plain files have them."""
    return {
        split: [
            row | {"label": LABELS[row["label"]]} | {name: row[name] and row[name][1] for name in ("voice", "face")}
            for row in mine
        ]
        for split, mine in rows.items()
    }


def test_tar_shards_load_with_webdataset(corpus: Corpus, rows: dict[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    folder = build_release(corpus, "2.0.0", {"format": "webdataset"}).folder
    assert run_offline(tmp_path, LOADING, "webdataset", folder, tmp_path) == without_names(rows)


def test_folders_load_with_audiofolder(corpus: Corpus, rows: dict[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    folder = build_release(corpus, "3.0.0", {"format": "folders"}).folder
    assert run_offline(tmp_path, LOADING, "datasets_audiofolder", folder, tmp_path) == without_names(rows)


def test_datasets_knows_what_the_columns_are(release: Path, tmp_path: Path) -> None:
    seen = run_offline(tmp_path, "-c", _FEATURES, release, tmp_path)
    assert seen["label_names"] == list(LABELS)
    assert seen["voice"] == ["Audio", 16_000]
    assert seen["face"] == "Video"
    table = pq.read_table(release / "data", filters=[("voice_snr_db", ">=", 24), ("face_median_size_px", ">=", 44)])
    kept = [row for row in table.to_pylist() if row["split"] == "train"]
    assert 0 < len(kept) < seen["num_train"]
    assert seen["clean"] == sorted(row["utterance_id"] for row in kept)
    measures = [f"voice_{name}" for name in VoiceQuality.model_fields]
    measures += [f"face_{name}" for name in FaceMaterialQuality.model_fields]
    assert list(seen["quality"]) == measures
    assert (seen["quality"]["voice_snr_db"], seen["quality"]["face_median_size_px"]) == ("float64", "int64")
    assert seen["votes"] == {"role": ["regular"], "lead_ms": "int64", "presented_at": "timestamp[us, tz=UTC]"}


def test_media_decode_where_datasets_decodes_them(release: Path, tmp_path: Path) -> None:
    seen = run_offline(tmp_path, "-c", _DECODE, release, tmp_path)
    assert seen["num_samples"] == [16 * TURN_MS] * 2
    assert seen["rate_hz"] == 16_000
    assert seen["picture"] == [3, 64, 64]


def test_datasets_takes_up_a_stream_in_the_middle(release: Path, tmp_path: Path) -> None:
    seen = run_offline(tmp_path, "-c", _RESUME_STREAM, release, tmp_path)
    assert len(seen["whole"]) == 8
    assert seen["before"] + seen["after"] == seen["whole"]
    assert len(seen["before"]) == 3


def take_batches(release: Path, epoch: int, start: int, num_batches: int | None = None) -> list[list[str]]:
    rows = ReleaseDataset(release)
    order = EpochOrder(len(rows), seed=5, epoch=epoch, start=start)
    loader = DataLoader(rows, batch_size=4, sampler=order, num_workers=2, collate_fn=list)
    return [[row["utterance_id"] for row in batch] for batch in islice(loader, num_batches)]


def test_an_epoch_of_several_workers_is_taken_up_in_the_middle(release: Path) -> None:
    whole = take_batches(release, epoch=1, start=0)
    before = take_batches(release, epoch=1, start=0, num_batches=2)
    after = take_batches(release, epoch=1, start=sum(map(len, before)))
    assert before + after == whole
    seen = [name for batch in whole for name in batch]
    assert len(seen) == len(set(seen)) == 24
    other = [name for batch in take_batches(release, epoch=2, start=0) for name in batch]
    assert sorted(other) == sorted(seen)
    assert other != seen


def test_one_utterance_is_one_small_read(release: Path) -> None:
    """Pages of media hold one value each, and the index tells where: nobody has to read a row group for one clip."""
    for path in sorted((release / "data").iterdir()):
        for column in ("voice", "face"):
            pages = locate_pages(path, column)
            contents = [row[column] for row in pq.read_table(path, columns=[column]).to_pylist()]
            for size, content, offset in zip(pages.sizes, contents, pages.offsets, strict=True):
                if content is not None:
                    assert size - len(content["bytes"]) < 64
                    assert content["bytes"] in path.read_bytes()[offset : offset + size]


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
