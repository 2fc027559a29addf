"""Rounds on a real Label Studio: nothing missing, nothing double, no answer lost, whoever is killed when."""

import multiprocessing
import os
import shutil
import signal
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sdme_tools.annotation.delivery import PullReport, PushReport, pull_round, push_round
from sdme_tools.annotation.label_studio import Studio
from sdme_tools.annotation.label_studio_connection import Connection
from sdme_tools.annotation.ledger import read_ledger
from sdme_tools.annotation.tasks import TASK_KEY
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Annotation, Assignment, Submission, SubmissionState
from sdme_tools.records.studio import LedgerEvent
from tests.studio_round import make_round
from tests.studio_server import NAMES, Rater, Server, clear_corpus

pytestmark = pytest.mark.slow


@pytest.fixture
def corpus(server: Server, request: pytest.FixtureRequest) -> Corpus:
    """A corpus of its own for each test, whose round has a name of its own on the shared server."""
    clear_corpus(server)
    return make_round(server.root, num_items=getattr(request, "param", 12), round_id=name_round(request))


def name_round(request: pytest.FixtureRequest) -> str:
    return f"r{zlib.crc32(request.node.name.encode())}"


def round_of(corpus: Corpus) -> str:
    return corpus.rounds()[0]


def push(corpus: Corpus, studio: Studio) -> PushReport:
    return push_round(corpus, round_of(corpus), studio, progress=lambda done, total: None)


def pull(corpus: Corpus, studio: Studio) -> PullReport:
    return pull_round(corpus, round_of(corpus), studio, NAMES.get, progress=lambda done, total: None)


def project_of(report: PushReport, rater_id: str) -> int:
    return int(report.projects[f"text {rater_id}"].rstrip("/").rpartition("/")[2])


def keys_on(studio: Studio, project_id: int) -> list[str]:
    return [task.data[TASK_KEY] for task in studio.tasks(project_id)]


def keys_of(corpus: Corpus, rater_id: str) -> list[str]:
    tasks = read_table(corpus.layout.round_dir(round_of(corpus)) / "assignments.jsonl", Assignment)
    return [task.task_key for task in sorted(tasks, key=lambda t: t.order) if task.rater_id == rater_id]


def submissions(corpus: Corpus) -> list[Submission]:
    return read_table(corpus.layout.round_dir(round_of(corpus)) / "submissions.jsonl", Submission)


def votes(corpus: Corpus) -> list[Annotation]:
    return read_table(corpus.layout.round_dir(round_of(corpus)) / "annotations.jsonl", Annotation)


def contents(corpus: Corpus) -> dict[str, bytes]:
    folder = corpus.layout.round_dir(round_of(corpus))
    return {path.name: path.read_bytes() for path in folder.glob("*.jsonl")}


def test_push_puts_every_task_once_and_in_the_raters_order(corpus: Corpus, server: Server) -> None:
    report = push(corpus, server.studio)
    assert (report.num_tasks, report.num_sent) == (24, 24)
    for rater_id in NAMES.values():
        assert keys_on(server.studio, project_of(report, rater_id)) == keys_of(corpus, rater_id)
    before = contents(corpus)
    again = push(corpus, server.studio)
    assert (again.num_sent, again.projects) == (0, report.projects)
    assert {k: v for k, v in contents(corpus).items() if k != "ledger.jsonl"} == {
        k: v for k, v in before.items() if k != "ledger.jsonl"
    }


def test_raters_see_their_tasks_in_order_and_words_as_text(
    corpus: Corpus, server: Server, raters: dict[str, Rater]
) -> None:
    project_id = project_of(push(corpus, server.studio), "r1")
    seen = []
    for _ in range(3):
        task = raters["r1"].next_task(project_id)
        assert "<b>of</b>" in task["data"]["text"]
        assert "😀" in task["data"]["text"]
        seen.append(task["data"][TASK_KEY])
        raters["r1"].answer(task["id"], "calm")
    assert seen == keys_of(corpus, "r1")[:3]


def test_no_project_or_task_tells_more_than_the_rater_may_know(corpus: Corpus, server: Server) -> None:
    report = push(corpus, server.studio)
    task = next(server.studio.tasks(project_of(report, "r1")))
    assert set(task.data) == {TASK_KEY, "text"}
    project = server.studio.get(f"/api/projects/{project_of(report, 'r1')}").json()
    assert len(project["title"]) <= 50
    assert project["maximum_annotations"] == 1
    assert not project["show_collab_predictions"]


def test_pull_keeps_every_version_and_takes_no_drafts(corpus: Corpus, server: Server, raters: dict[str, Rater]) -> None:
    project_id = project_of(push(corpus, server.studio), "r1")
    ada = raters["r1"]
    ids = [task.task_id for task in server.studio.tasks(project_id)]
    first = ada.answer(ids[0], "calm", "0.5")
    ada.answer(ids[1], "cannot tell", reason="unclear")
    ada.submit(ids[2], {}, was_cancelled=True)
    ada.draft(ids[3], "upset")
    gone = ada.answer(ids[4], "upset")
    report = pull(corpus, server.studio)
    assert report.states == {"skipped": 1, "submitted": 3}
    assert [v.label for v in votes(corpus)] == ["calm", "cannot tell", "upset"]
    one, two, skipped, _ = submissions(corpus)
    assert (one.confidence, one.lead_ms, two.reason) == (0.5, 3500, "unclear")
    assert one.submitted_at is not None
    assert (skipped.state, skipped.label) == (SubmissionState.SKIPPED, None)

    before = contents(corpus)
    assert pull(corpus, server.studio).num_new_versions == 0
    assert contents(corpus) == before

    ada.change(first, "upset")
    ada.delete(gone)
    assert pull(corpus, server.studio).num_new_versions == 2
    assert [(s.version, s.state.value, s.label) for s in submissions(corpus) if s.task_key == one.task_key] == [
        (0, "submitted", "calm"),
        (1, "submitted", "upset"),
    ]
    assert submissions(corpus)[-1].state is SubmissionState.DELETED
    assert [v.label for v in votes(corpus)] == ["upset", "cannot tell"]
    assert "ada@example.org" not in "".join(map(str, contents(corpus).values()))


def test_unknown_labels_and_raters_stop_the_pull_and_lose_nothing(
    corpus: Corpus, server: Server, raters: dict[str, Rater]
) -> None:
    report = push(corpus, server.studio)
    mine = [task.task_id for task in server.studio.tasks(project_of(report, "r1"))]
    raters["r1"].answer(mine[0], "calm")
    pull(corpus, server.studio)
    before = contents(corpus)
    raters["r1"].answer(mine[1], "furious")
    stranger = raters["r2"].answer(mine[2], "calm")
    with pytest.raises(AnnotationError) as caught:
        pull(corpus, server.studio)
    assert "'furious' is not one of calm, upset, cannot tell" in caught.value.what
    assert "given by r2, whose task it is not" in caught.value.what
    assert "nothing of this pull was written" in caught.value.what
    assert contents(corpus) == before
    raters["r2"].delete(stranger)
    answers = next(server.studio.tasks(project_of(report, "r1"), task_ids=[mine[1]])).answers
    raters["r1"].change(int(answers[0].answer_id), "upset")
    pull(corpus, server.studio)
    assert [v.label for v in votes(corpus)] == ["calm", "upset"]


def test_what_was_deleted_or_edited_by_hand_is_noticed_and_mended(
    corpus: Corpus, server: Server, raters: dict[str, Rater]
) -> None:
    report = push(corpus, server.studio)
    project_id = project_of(report, "r1")
    tasks = list(server.studio.tasks(project_id))
    raters["r1"].answer(tasks[0].task_id, "calm")
    pull(corpus, server.studio)
    edited = {**tasks[1].data, "text": "other words"}
    server.studio.change("", lambda sdk: sdk.tasks.update(id=str(tasks[1].task_id), data=edited))
    for task in (tasks[0], tasks[2]):
        server.studio.change("", lambda sdk, task=task: sdk.tasks.delete(id=str(task.task_id)))
    taken = pull(corpus, server.studio)
    assert (taken.num_missing_tasks, taken.states, taken.num_votes) == (2, {"deleted": 1}, 0)
    mended = push(corpus, server.studio)
    assert (mended.num_sent, mended.num_restored) == (2, 1)
    assert Counter(keys_on(server.studio, project_id)) == Counter(keys_of(corpus, "r1"))

    again = next(task for task in server.studio.tasks(project_id) if task.data[TASK_KEY] == tasks[3].data[TASK_KEY])
    server.studio.change("", lambda sdk: sdk.tasks.update(id=str(again.task_id), data={**again.data, "text": "x"}))
    raters["r1"].answer(again.task_id, "calm")
    before = contents(corpus)
    with pytest.raises(AnnotationError, match="edited by hand, and answered"):
        pull(corpus, server.studio)
    with pytest.raises(AnnotationError, match="was edited by hand and answered"):
        push(corpus, server.studio)
    assert contents(corpus) == before


def test_a_project_deleted_by_hand_stops_a_push_and_costs_no_other_answers(
    corpus: Corpus, server: Server, raters: dict[str, Rater]
) -> None:
    report = push(corpus, server.studio)
    lost, kept = project_of(report, "r1"), project_of(report, "r2")
    raters["r1"].answer(next(server.studio.tasks(lost)).task_id, "calm")
    pull(corpus, server.studio)
    raters["r2"].answer(next(server.studio.tasks(kept)).task_id, "upset")
    server.studio.change("", lambda sdk: sdk.projects.delete(id=lost))
    with pytest.raises(AnnotationError, match=f"project {lost} .* deleted by hand"):
        push(corpus, server.studio)
    with pytest.raises(AnnotationError, match=f"project {lost} .* deleted by hand"):
        pull(corpus, server.studio)
    assert [v.label for v in votes(corpus)] == ["calm", "upset"]


def test_two_pushes_from_two_copies_end_with_each_task_once(corpus: Corpus, server: Server, tmp_path: Path) -> None:
    twin = Corpus.open(Path(shutil.copytree(corpus.root, tmp_path / "twin", symlinks=True)))
    failures: list[Exception] = []

    def work(which: Corpus) -> None:
        try:
            push(which, server.studio)
        except AnnotationError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(which,)) for which in (corpus, twin)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = push(corpus, server.studio)
    assert push(twin, server.studio).projects == report.projects, failures
    for rater_id in NAMES.values():
        assert sorted(keys_on(server.studio, project_of(report, rater_id))) == sorted(keys_of(corpus, rater_id))
    found = server.studio.read("", lambda sdk: sdk.projects.list(title=round_of(corpus)))
    assert len(list(found)) == 2


def test_a_second_push_of_the_same_corpus_is_refused_while_one_runs(corpus: Corpus, server: Server) -> None:
    with corpus.hold(), pytest.raises(Exception, match="another process writes this corpus"):
        push(corpus, server.studio)


@dataclass(frozen=True)
class Moment:
    """When a process is killed."""

    number: int
    moment: str


def _work_and_die(work: Callable[[Corpus, Studio], object], root: Path, connection: Connection, when: Moment) -> None:
    """Push or pull, and be killed before, after or during the n-th step that changes something somewhere."""
    send, replace, count = httpx.Client.send, Path.replace, iter(range(1, 10_000))

    def step(doing: Callable[[], Any]) -> Any:
        fatal = next(count) == when.number
        if fatal and when.moment == "before":
            die()
        if fatal and when.moment == "during":
            threading.Timer(0.02, die).start()
        done = doing()
        if fatal and when.moment == "after":
            die()
        return done

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def send_or_die(client: httpx.Client, request: httpx.Request, **more: Any) -> httpx.Response:
        is_step = (request.method != "GET") is (work is push)  # a pull only reads from the server
        return step(lambda: send(client, request, **more)) if is_step else send(client, request, **more)

    httpx.Client.send = send_or_die  # type: ignore[method-assign]
    if work is pull:
        Path.replace = lambda path, target: step(lambda: replace(path, target))  # type: ignore[method-assign, assignment]
    work(Corpus.open(root), Studio(connection))


def kill_once(work: Callable[[Corpus, Studio], object], corpus: Corpus, server: Server, when: Moment) -> bool:
    """Whether it was killed, and did not end before."""
    arguments = (work, corpus.root, server.connection, when)
    child = multiprocessing.get_context("fork").Process(target=_work_and_die, args=arguments)
    child.start()
    child.join()
    return child.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("corpus", [40], indirect=True)
def test_client_killed_at_any_moment_leaves_nothing_missing_or_double(corpus: Corpus, server: Server) -> None:
    config = corpus.layout.config
    config.write_text(config.read_text().replace("batch_size = 1000", "batch_size = 4"))
    num_killed = 0
    for number in range(1, 8):
        for moment in ("before", "during", "after"):
            num_killed += kill_once(push, corpus, server, Moment(number, moment))
        _delete_some(corpus, server.studio)
    assert num_killed >= 20
    report = push(Corpus.open(corpus.root), server.studio)
    for rater_id in NAMES.values():
        assert Counter(keys_on(server.studio, project_of(report, rater_id))) == Counter(keys_of(corpus, rater_id))


def test_client_killed_at_any_moment_of_a_pull_loses_and_doubles_no_answer(
    corpus: Corpus, server: Server, raters: dict[str, Rater]
) -> None:
    report = push(corpus, server.studio)
    cast: dict[str, str] = {}
    ids = {r: [task.task_id for task in server.studio.tasks(project_of(report, r))] for r in NAMES.values()}
    num_killed = 0
    for number in range(12):
        for rater_id, tasks in ids.items():
            cast[keys_of(corpus, rater_id)[number]] = label = ("calm", "upset")[number % 2]
            raters[rater_id].answer(tasks[number], label)
        for moment in ("before", "after"):
            num_killed += kill_once(pull, corpus, server, Moment(1 + number % 8, moment))
    assert num_killed >= 20
    pull(corpus, server.studio)
    assert {s.task_key: s.label for s in submissions(corpus)} == cast
    assert len(submissions(corpus)) == len(votes(corpus)) == 24
    before = contents(corpus)
    assert pull(corpus, server.studio).num_new_versions == 0
    assert contents(corpus) == before


def _delete_some(corpus: Corpus, studio: Studio) -> None:
    """Give the next pushes something to do: much of what arrived is taken away again."""
    made = read_ledger(corpus.layout.round_dir(round_of(corpus)) / "ledger.jsonl")
    for project_id in {e.project_id for e in made if e.event is LedgerEvent.CREATED}:
        ids = [task.task_id for task in studio.tasks(project_id or 0)]
        body = {"selectedItems": {"all": False, "included": ids[: len(ids) * 3 // 4]}, "project": project_id}
        headers = {"Authorization": f"Token {studio.connection.token}"}
        url = f"{studio.connection.url}/api/dm/actions?id=delete_tasks&project={project_id}"
        httpx.post(url, json=body, headers=headers, timeout=60).raise_for_status()


@pytest.mark.parametrize("corpus", [1500], indirect=True)
def test_server_killed_in_a_push_and_in_a_pull_loses_nothing(
    corpus: Corpus, server: Server, raters: dict[str, Rater]
) -> None:
    config = corpus.layout.config
    config.write_text(config.read_text().replace("batch_size = 1000", "batch_size = 100"))
    corpus = Corpus.open(corpus.root)
    _kill_when(
        server,
        lambda done: done >= 700,
        lambda show: push_round(corpus, round_of(corpus), server.studio, progress=show),
    )
    report = push(corpus, server.studio)
    for rater_id in NAMES.values():
        assert keys_on(server.studio, project_of(report, rater_id)) == keys_of(corpus, rater_id)

    for rater_id in NAMES.values():
        ids = [task.task_id for task in server.studio.tasks(project_of(report, rater_id))]
        for number, task_id in enumerate(ids[:10]):
            raters[rater_id].answer(task_id, ("calm", "upset")[number % 2])
    _kill_when(
        server,
        lambda done: done >= 100,
        lambda show: pull_round(corpus, round_of(corpus), server.studio, NAMES.get, progress=show),
    )
    pull(corpus, server.studio)
    assert len(votes(corpus)) == len(submissions(corpus)) == 20
    assert Counter(vote.label for vote in votes(corpus)) == {"calm": 10, "upset": 10}


def _kill_when(
    server: Server, reached: Callable[[int], bool], work: Callable[[Callable[[int, int], None]], object]
) -> None:
    """Kill the server once, in the middle, and start it again while whoever works waits for it."""
    killed = threading.Event()

    def show(done: int, total: int) -> None:
        if reached(done) and not killed.is_set():
            killed.set()
            server.kill()
            threading.Thread(target=_start_again, args=(server,)).start()

    try:
        work(show)
    except AnnotationError as error:
        assert "does not answer" in error.what
    assert killed.is_set()
    until = time.monotonic() + 120
    while not _is_up(server):
        assert time.monotonic() < until
        time.sleep(0.5)


def _start_again(server: Server) -> None:
    time.sleep(1)
    server.start()


def _is_up(server: Server) -> bool:
    from sdme_tools.annotation.label_studio import is_healthy

    return is_healthy(server.connection.url)
