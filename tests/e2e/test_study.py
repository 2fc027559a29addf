"""A study from clips to release, as a lab runs it: real accounts, a real server, one rater in a real browser.

Twelve utterances of the example under three conditions, each item by three of nine raters: nobody may meet an utterance
under two conditions, so that nine are needed, and each of them meets all twelve once.
"""

import json
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import krippendorff
import numpy as np
import pyarrow.parquet as pq
import pytest

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table
from sdme_tools.records.annotation import Annotation, Assignment, Condition, Consensus, Item, TaskRole
from sdme_tools.records.utterance import Clip
from tests.e2e.conftest import EXAMPLES, ROOT, sdme
from tests.e2e.study_browser import Played, answer_queue, signed_in
from tests.studio_server import Rater, Server, be_found, clear_corpus

pytestmark = pytest.mark.slow

ARTIFACTS = ROOT / "build" / "artifacts"
CONDITIONS = (Condition.FULL, Condition.VIDEO, Condition.VOICE)
NUM_RATERS = 9
_MAKE_THIRD = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import make_recordings
rows = json.loads((make_recordings.SPEECH_DIR / "speech.json").read_text(encoding="utf-8"))
turns = [row for row in rows if row["recording_id"] == "dinner_3"][:4]
make_recordings.make_recording("dinner_3", turns, Path(sys.argv[2]))
"""


@dataclass
class Study:
    """The study as it went."""

    corpus: Corpus
    truth: dict[str, str]
    """Utterance -> the emotion that was acted."""
    raters: dict[str, Rater]
    """By pseudonym."""
    cast: dict[tuple[str, str], str] = field(default_factory=dict)
    """Item and rater -> what they said in round main."""
    played: dict[Condition, Played] = field(default_factory=dict)
    orders: dict[Condition, list[str]] = field(default_factory=dict)
    """Task keys as they came to the browser."""
    reports: dict[str, Any] = field(default_factory=dict)
    """What commands printed as JSON."""

    def run(self, *arguments: str, name: str = "") -> Any:
        """Type a command on the corpus and read its JSON."""
        group = arguments[:2] if arguments[0] in ("round", "raters") else arguments[:1]
        rest = arguments[len(group) :]
        found = json.loads(sdme(*group, self.corpus.root, *rest, "--json").stdout)
        self.reports[name or " ".join(arguments)] = found
        return found

    def table(self, round_id: str, name: str, kind: type[Any]) -> list[Any]:
        return read_table(self.corpus.layout.round_dir(round_id) / f"{name}.jsonl", kind)

    def consensus(self, round_id: str) -> dict[tuple[str, Condition], Consensus]:
        return {(row.utterance_id, row.condition): row for row in self.table(round_id, "consensus", Consensus)}


@pytest.fixture(scope="module")
def study(server: Server, finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """The whole study, command by command."""
    base = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as monkeypatch:
        be_found(server, monkeypatch, base)
        going = begin(server, finished, base)
        create_and_push(going)
        vote(going)
        going.run("round", "pull", "main")
        going.run("round", "status", "main")
        going.run("agreement", "main")
        going.run("consensus", "main", name="consensus")
        extend(going)
        adjudicate(going)
        going.run("release", "1.0.0")
        yield going


def begin(server: Server, finished: Path, base: Path) -> Study:
    """The example's two recordings and a third, twelve utterances; and eleven people with accounts."""
    clear_corpus(server)
    shutil.copytree(finished, server.root, dirs_exist_ok=True)
    subprocess.run([sys.executable, "-c", _MAKE_THIRD, str(EXAMPLES), str(base)], check=True)
    sdme("ingest", server.root, base / "dinner_3.mp4")
    sdme("run", server.root)
    corpus = Corpus.open(server.root)
    emails = [f"{name}@study.example.org" for name in (*map(str, range(NUM_RATERS)), "later", "expert")]
    names = sdme("raters", "add", server.root, *emails).stdout.strip().split(",")
    return Study(corpus, read_truth(corpus), {n: server.sign_up(e) for n, e in zip(names, emails, strict=True)})


def read_truth(corpus: Corpus) -> dict[str, str]:
    """The emotion of the turn that overlaps most with each utterance; the recordings say where turns lie."""
    speech = json.loads((EXAMPLES / "speech" / "speech.json").read_text(encoding="utf-8"))
    acted: dict[str, list[str]] = defaultdict(list)
    for row in speech:
        acted[row["recording_id"]].append(row["emotion"])
    found = {}
    for recording_id in corpus.recording_ids():
        names = sorted((c.utterance_id for c in corpus.read(recording_id, Clip)), key=lambda n: int(n.split("_")[2]))
        assert len(names) == 4  # every turn was found, in order
        found |= dict(zip(names, acted[recording_id], strict=False))
    return found


def create_and_push(study: Study) -> None:
    raters = list(study.raters)[:NUM_RATERS]
    conditions = [part for c in CONDITIONS for part in ("--condition", c.value)]
    study.run("round", "create", "main", *conditions, "--per-item", "3", "--raters", ",".join(raters), name="create")
    study.run("round", "push", "main", name="push")


def say(study: Study, utterance_id: str, condition: Condition, place: int) -> str:
    """What the rater at this place among an item's three says: mostly the truth, with doubt where it is planned."""
    labels, number = study.corpus.config.corpus.labels, sorted(study.truth).index(utterance_id)
    truth = labels.index(study.truth[utterance_id])
    if condition is Condition.FULL and number in (0, 1):
        return labels[(truth + place) % len(labels)]  # all three differ
    if condition is Condition.VIDEO and number == 5:
        return study.corpus.config.corpus.cannot_tell
    if condition is Condition.VOICE and number % 2:
        return labels[(truth + (place == 1)) % len(labels)]
    return labels[truth]


def vote(study: Study) -> None:
    """The first rater answers in a browser, by keys alone; the others through the interface that a browser uses."""
    items = {item.item_id: item for item in study.table("main", "items", Item)}
    tasks: dict[str, Assignment] = {}
    seen = Counter[str]()
    for task in sorted(study.table("main", "assignments", Assignment), key=lambda task: task.rater_id):
        item = items[task.item_id]
        tasks[task.task_key] = task
        study.cast[task.item_id, task.rater_id] = say(study, item.utterance_id, item.condition, seen[task.item_id])
        seen[task.item_id] += 1
    first, *others = list(study.raters)[:NUM_RATERS]
    projects = study.reports["push"]["projects"]

    def said(key: str) -> str:
        return study.cast[tasks[key].item_id, tasks[key].rater_id]

    def keys_for(key: str) -> list[str]:
        label, labels = said(key), study.corpus.config.corpus.labels
        return [str(labels.index(label) + 1), "d"] if label in labels else ["0", "z", "a"]

    shots = ARTIFACTS / "study"
    shots.mkdir(parents=True, exist_ok=True)
    with signed_in(study.raters[first]) as page:
        for condition in CONDITIONS:
            num = sum(t.rater_id == first and items[t.item_id].condition is condition for t in tasks.values())
            address = projects[f"{condition.value} {first}"]
            came, played = answer_queue(page, address, condition, keys_for, num, shots)
            study.orders[condition], study.played[condition] = came, played
    for rater_id in others:
        for condition in CONDITIONS:
            project_id = int(projects[f"{condition.value} {rater_id}"].rstrip("/").rpartition("/")[2])
            answer_all(study.raters[rater_id], project_id, said)


def answer_all(rater: Rater, project_id: int, said: Any) -> None:
    for task in rater.call("GET", f"/api/tasks?project={project_id}")["tasks"]:
        rater.submit(task["id"], {"label": said(task["data"]["task_key"])}, shown="clip")


def answer_round(study: Study, round_id: str, labels: dict[str, str]) -> None:
    """Push a round, let its raters say what `labels` has for each utterance, and pull it."""
    pushed = study.run("round", "push", round_id)
    items = {item.item_id: item.utterance_id for item in study.table(round_id, "items", Item)}
    tasks = {task.task_key: items[task.item_id] for task in study.table(round_id, "assignments", Assignment)}
    for queue, address in pushed["projects"].items():
        project_id = int(address.rstrip("/").rpartition("/")[2])
        answer_all(study.raters[queue.split()[1]], project_id, lambda key: labels[tasks[key]])
    study.run("round", "pull", round_id)


def extend(study: Study) -> None:
    """A tenth rater, who has met nothing, is asked where full clips are in doubt: one tie goes, another stays."""
    later = list(study.raters)[NUM_RATERS]
    _, second = sorted(study.truth)[:2]
    options = ("--condition", "full", "--raters", later, "--target", "0.95", "--yes")
    made = study.run("round", "extend", "main", *options, name="extend")
    answers = study.truth | {second: study.corpus.config.corpus.cannot_tell}
    answer_round(study, made["round_id"], answers)
    study.run("consensus", "main", name="consensus extended")


def adjudicate(study: Study) -> None:
    expert = list(study.raters)[NUM_RATERS + 1]
    study.run(
        "round", "adjudicate", "main", "--condition", "full", "--raters", expert, "--decoy-rate", "1", name="adjudicate"
    )
    answer_round(study, "main-adjudication", study.truth)
    study.run("consensus", "main-adjudication")


def test_everybody_meets_every_utterance_once(study: Study) -> None:
    assert study.reports["create"]["num_tasks"] == {"regular": 108}
    assert study.reports["create"]["min_load"] == study.reports["create"]["max_load"] == 12
    items = {item.item_id: item for item in study.table("main", "items", Item)}
    tasks = study.table("main", "assignments", Assignment)
    assert set(Counter(task.item_id for task in tasks).values()) == {3}
    assert set(Counter((task.rater_id, items[task.item_id].utterance_id) for task in tasks).values()) == {1}
    assert study.reports["push"]["num_sent"] == 108
    assert len(study.reports["push"]["projects"]) == 27


def test_the_browser_played_clips_as_their_condition_asks(study: Study) -> None:
    clips = {c.utterance_id: c for name in study.corpus.recording_ids() for c in study.corpus.read(name, Clip)}
    items = {item.item_id: item for item in study.table("main", "items", Item)}
    tasks = {task.task_key: task for task in study.table("main", "assignments", Assignment)}
    for condition, played in study.played.items():
        shown = items[tasks[study.orders[condition][0]].item_id]
        assert played.duration_s == pytest.approx(clips[shown.utterance_id].duration_ms / 1000, abs=0.2)
        assert played.had_sound is (condition is not Condition.VIDEO)
        assert shown.media is not None
        with av.open(study.corpus.layout.round_dir("main") / shown.media.path) as container:
            assert bool(container.streams.audio) is (condition is not Condition.VIDEO)


def test_the_browser_brought_tasks_in_the_raters_own_order(study: Study) -> None:
    rater = next(iter(study.raters))
    items = {item.item_id: item for item in study.table("main", "items", Item)}
    tasks = study.table("main", "assignments", Assignment)
    for condition, came in study.orders.items():
        mine = [t for t in tasks if t.rater_id == rater and items[t.item_id].condition is condition]
        assert came == [task.task_key for task in sorted(mine, key=lambda task: task.order)]


def test_every_vote_came_in_as_it_was_cast_and_no_address_with_it(study: Study) -> None:
    pulled = study.reports["round pull main"]
    assert (pulled["num_votes"], pulled["states"]) == (108, {"submitted": 108})
    votes = study.table("main", "annotations", Annotation)
    assert {(vote.item_id, vote.rater_id): vote.label for vote in votes} == study.cast
    by_browser = [vote for vote in votes if vote.rater_id == next(iter(study.raters))]
    assert {vote.confidence for vote in by_browser} <= {0.0, 1.0}
    assert len(by_browser) == 12
    assert all(vote.lead_ms for vote in votes)
    status = study.reports["round status main"]
    assert {(r["num_assigned"], r["num_done"]) for r in status["raters"]} == {(12, 12)}
    for path in study.corpus.root.rglob("*.json*"):
        assert b"example.org" not in path.read_bytes(), path


def test_agreement_is_what_another_library_finds(study: Study) -> None:
    answers = (*study.corpus.config.corpus.labels, study.corpus.config.corpus.cannot_tell)
    items = {item.item_id: item for item in study.table("main", "items", Item)}
    found = {row["condition"]: row for row in study.reports["agreement main"]["overall"]}
    assert set(found) == {"full", "video", "voice"}
    for condition in CONDITIONS:
        grid: dict[str, list[float]] = defaultdict(lambda: [np.nan] * NUM_RATERS)
        for (item_id, rater_id), label in study.cast.items():
            if items[item_id].condition is condition:
                grid[item_id][list(study.raters).index(rater_id)] = answers.index(label)
        expected = krippendorff.alpha(np.array(list(grid.values())).T, level_of_measurement="nominal")
        assert found[condition.value]["alpha"]["value"] == pytest.approx(expected, abs=1e-9)


def test_consensus_has_the_planned_labels_ties_and_doubts(study: Study) -> None:
    outcomes = {c["condition"]: c["outcomes"] for c in study.reports["consensus"]["conditions"]}
    assert outcomes["full"] == {"majority": 10, "tie": 2, "no_agreement": 0, "cannot_tell": 0}
    assert outcomes["video"] == {"majority": 11, "tie": 0, "no_agreement": 0, "cannot_tell": 1}
    assert outcomes["voice"] == {"majority": 12, "tie": 0, "no_agreement": 0, "cannot_tell": 0}
    rows = study.consensus("main")
    for (utterance_id, condition), row in rows.items():
        if row.label is not None:
            assert row.label == study.truth[utterance_id], (utterance_id, condition)


def test_the_extension_asked_where_there_was_doubt_and_counts_in_its_round(study: Study) -> None:
    name = study.reports["extend"]["round_id"]
    first, second = sorted(study.truth)[:2]
    asked = {item.utterance_id for item in study.table(name, "items", Item)}
    assert {first, second} <= asked
    assert len(asked) < 12
    assert study.reports[f"round pull {name}"]["counts_in"] == "main"
    rows = study.consensus("main")
    num_raters = {u: rows[u, Condition.FULL].num_raters for u in study.truth}
    assert num_raters == {u: 3 + (u in asked) for u in study.truth}
    assert (rows[first, Condition.FULL].label, rows[second, Condition.FULL].reason) == (study.truth[first], "tie")
    assert not study.consensus(name)


def test_the_expert_decided_what_was_left_among_decoys(study: Study) -> None:
    roles = Counter(task.role for task in study.table("main-adjudication", "assignments", Assignment))
    assert roles[TaskRole.DECOY] == roles[TaskRole.REGULAR] > 0
    assert study.consensus("main-adjudication")[sorted(study.truth)[1], Condition.FULL].label


def test_the_release_has_every_label_as_it_was_decided(study: Study) -> None:
    folder = study.corpus.layout.release_dir("1.0.0")
    labels = study.corpus.config.corpus.labels
    rows = pq.read_table(folder / "data").to_pylist()
    assert {row["utterance_id"]: labels[row["label"]] for row in rows} == study.truth
