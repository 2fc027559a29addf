"""`sdme validate` on a generated corpus and on copies of it that somebody doctored: the right gate says so."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import sync_playwright

from sdme_tools.training.generated import GeneratedSettings, ModalityShape, generate_set
from sdme_tools.training.table_file import read_feature_table, write_feature_table
from sdme_tools.training.verdict.evidence import Evidence, gather_evidence
from sdme_tools.training.verdict.gate import Status
from sdme_tools.training.verdict.learnable import judge_learnable
from sdme_tools.training.verdict.multimodal import judge_multimodal
from sdme_tools.training.verdict.settings import ValidateSettings
from sdme_tools.training.verdict.suspects import find_suspects, judge_suspects
from tests.e2e.conftest import ROOT, sdme

pytestmark = pytest.mark.slow

ARTIFACTS = ROOT / "build" / "artifacts"
CORPUS = GeneratedSettings(
    num_speakers=(6, 3, 3),
    clips_per_speaker=16,
    class_shares=(0.4, 0.35, 0.25),
    foreign_share=0.0,
    intensity=(1.2, 2.4),
    modalities={"voice": ModalityShape(8, 4, 8), "face": ModalityShape(8, 3, 6), "text": ModalityShape(8, 2, 4)},
)
QUICK = ValidateSettings(
    networks=("relevance",), seeds=1, folds=3, epochs=12, learning_rate=3e-3, curve_shares=(), device="cpu"
)

Change = Callable[[pa.Table], pa.Table]


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("validate") / "study.parquet"
    write_feature_table(generate_set(CORPUS, seed=0).table, path)
    return path


def doctor(features: Path, change: Change) -> Path:
    """Write a changed copy of a feature table."""
    path = features.with_name("doctored.parquet")
    file = pq.read_table(features)
    pq.write_table(change(file).replace_schema_metadata(file.schema.metadata), path)
    return path


def put(file: pa.Table, name: str, values: list[object]) -> pa.Table:
    place = file.column_names.index(name)
    return file.set_column(place, name, pa.array(values, file.schema.field(name).type))


def gather(features: Path, change: Change, settings: ValidateSettings = QUICK) -> Evidence:
    return gather_evidence(read_feature_table(doctor(features, change), check=False), settings)


def test_a_sound_corpus_gets_a_page_that_needs_no_network(features: Path, tmp_path: Path) -> None:
    out = tmp_path / "verdict"
    options = ["--features", features, "--seeds", "1", "--folds", "3", "--epochs", "12", "--networks", "relevance"]
    done = sdme("validate", *options, "--out", out, "--json", check=False)
    report = json.loads((out / "report.json").read_text())
    assert json.loads(done.stdout) == report
    status = {gate["key"]: gate["status"] for gate in report["gates"]}
    assert status["learnable"] == "pass"
    assert {key: status[key] for key in ("leak_splits", "leak_shuffled")} == {
        "leak_splits": "pass",
        "leak_shuffled": "pass",
    }
    unknown = ("ceiling", "human_relevance", "subgroups", "ambiguity")
    assert {status[key] for key in unknown} == {"not measured"}
    assert done.returncode == (1 if "fail" in status.values() else 0)
    assert report["plan"] == "folds"  # three test speakers are too few
    relevance = pq.read_table(out / "relevance.parquet")
    assert relevance.num_rows == 192
    weights = np.stack([relevance.column(f"relevance_{m}").to_numpy() for m in ("voice", "face", "text")])
    assert weights.sum(axis=0) == pytest.approx(np.ones(192), abs=1e-5)
    look_at(out / "report.html", len(report["gates"]))


def look_at(page_file: Path, num_gates: int) -> None:
    """Open the page in a browser that notes every request, and keep what it looks like."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium here; Debian's package of that name is what this test drives")
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    asked: list[str] = []
    complaints: list[str] = []
    with sync_playwright() as driver:
        # Chromium has no sandbox for root, which is who runs tests in containers.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(page_file.as_uri())
        assert page.locator("section.gate").count() == num_gates
        widths = page.eval_on_selector_all("img", "pictures => pictures.map(one => one.naturalWidth)")
        # Confusion, curve, reliability, shown less, relevance by class, single clips, semantics.
        assert len(widths) == 7
        assert min(widths) > 200
        page.screenshot(path=ARTIFACTS / "verdict.png", full_page=True)
        browser.close()
    assert [url for url in asked if not url.startswith(("data:", page_file.as_uri()))] == []
    assert complaints == []


def test_shuffled_labels_cannot_be_learned(features: Path) -> None:
    def shuffle(file: pa.Table) -> pa.Table:
        labels = file.column("label").to_pylist()
        return put(file, "label", np.random.default_rng(1).permutation(labels).tolist())

    evidence = gather(features, shuffle)
    assert judge_learnable(evidence).status is Status.FAIL
    assert "may be random" in judge_suspects(evidence, find_suspects(evidence)).says


def test_a_modality_swapped_between_clips_is_named(features: Path) -> None:
    def swap(file: pa.Table) -> pa.Table:
        voices = file.column("voice").to_pylist()
        order = np.random.default_rng(1).permutation(len(voices))
        return put(file, "voice", [voices[place] for place in order])

    gate = judge_multimodal(gather(features, swap))
    assert gate.status in (Status.WARN, Status.FAIL)
    assert "voice alone" in gate.says
    assert "not of these clips" in gate.says
    assert not any(f"{modality} alone" in gate.says.partition(".")[2] for modality in ("face", "text"))


def test_test_speakers_and_clips_leaked_into_train_fail(features: Path, tmp_path: Path) -> None:
    def leak(file: pa.Table) -> pa.Table:
        splits = file.column("split").to_pylist()
        tests = [place for place, split in enumerate(splits) if split == "test"]
        for place in tests[::4]:
            splits[place] = "train"
        voices = file.column("voice").to_pylist()
        voices[0] = voices[tests[1]]
        return put(put(file, "split", splits), "voice", voices)

    options = ["--seeds", "1", "--folds", "3", "--epochs", "2", "--networks", "concat", "--out", tmp_path / "out"]
    done = sdme("validate", "--features", doctor(features, leak), *options, check=False)
    assert done.returncode == 1
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    gate = next(one for one in report["gates"] if one["key"] == "leak_splits")
    assert gate["status"] == "fail"
    assert "Speakers in two splits: speaker_009, speaker_010, speaker_011." in gate["says"]
    assert "The same voice in two splits: clip_00000=clip_00145." in gate["says"]


def test_flipped_labels_are_suspected(features: Path) -> None:
    random = np.random.default_rng(1)
    names = [f"class_{index}" for index in range(3)]
    flipped: set[str] = set()

    def flip(file: pa.Table) -> pa.Table:
        labels, ids = file.column("label").to_pylist(), file.column("utterance_id").to_pylist()
        for place in random.choice(len(labels), round(0.2 * len(labels)), replace=False):
            flipped.add(ids[place])
            labels[place] = str(random.choice([name for name in names if name != labels[place]]))
        return put(file, "label", labels)

    evidence = gather(features, flip, QUICK.model_copy(update={"seeds": 2, "folds": 5}))
    suspects = find_suspects(evidence)
    gate = judge_suspects(evidence, suspects)
    assert gate.status is Status.WARN
    found = {one.utterance_id for one in suspects}
    precision, recall = len(found & flipped) / len(found), len(found & flipped) / len(flipped)
    print(f"precision {precision:.2f}, recall {recall:.2f} of {len(flipped)} flipped labels")  # noqa: T201
    # A list drawn at random would have the precision .2.
    assert precision >= 0.5
    assert recall >= 0.6


def test_an_empty_modality_is_named_and_the_others_are_judged(features: Path) -> None:
    gate = judge_multimodal(gather(features, lambda file: put(file, "face", [None] * file.num_rows)))
    assert gate.status is Status.FAIL
    assert "face is empty: no labelled utterance has it." in gate.says
    assert [one.name for one in gate.figures[:2]] == ["UA of voice alone", "UA of text alone"]


def test_suspects_are_a_list_that_a_round_takes(tmp_path: Path) -> None:
    from sdme_tools.annotation.sheets import read_utterance_list
    from sdme_tools.training.verdict.suspects import Suspect, write_suspects

    suspects = [Suspect(f"dinner_1_{n}_{n + 1}", "p01", "anger", "fear", 0.1, 0.8) for n in range(3)]
    write_suspects(suspects, tmp_path / "suspects.csv")
    assert read_utterance_list(tmp_path / "suspects.csv") == [one.utterance_id for one in suspects]
    with (tmp_path / "suspects.csv").open() as file:
        assert next(csv.DictReader(file))["suggested"] == "fear"


def test_without_anything_to_judge_it_says_what_to_name(tmp_path: Path) -> None:
    done = sdme("validate", check=False)
    assert done.returncode == 1
    assert "there is nothing to judge" in done.stderr
    done = sdme("validate", tmp_path, check=False)
    assert "no release here" in done.stderr
