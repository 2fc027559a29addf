"""A withdrawal deletes tasks and answers on a real Label Studio, and the round goes on without them."""

from pathlib import Path

import pytest

from sdme_tools.annotation.create import RoundRequest, create_round
from sdme_tools.annotation.delivery import pull_round, push_round
from sdme_tools.annotation.ledger import read_ledger
from sdme_tools.annotation.tasks import TASK_KEY
from sdme_tools.corpus.table import read_table
from sdme_tools.records.annotation import Annotation, Assignment, Condition
from sdme_tools.records.studio import LedgerEvent
from sdme_tools.withdrawal.plan import Wish
from sdme_tools.withdrawal.withdraw import plan_withdrawal, withdraw
from tests.studio_server import NAMES, Rater, Server, clear_corpus
from tests.unit.release.tiny_corpus import make_corpus

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("media", ["files", "upload"])
def test_tasks_answers_and_copies_of_media_are_deleted(
    server: Server, raters: dict[str, Rater], media: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDME_CORPUS_KEY", "a key of tests")
    clear_corpus(server)
    corpus = make_corpus(server.root)
    if media == "upload":
        studio_settings = corpus.config.label_studio.model_copy(update={"media": "upload"})
        corpus.config = corpus.config.model_copy(update={"label_studio": studio_settings})
    name = f"leaving-{media}"
    create_round(corpus, RoundRequest(name, (Condition.VOICE,), tuple(NAMES.values()), per_item=2, wash_out=()))
    folder = corpus.layout.round_dir(name)

    def no_progress(done: int, total: int) -> None:
        pass

    push_round(corpus, name, server.studio, progress=no_progress)
    projects = {
        e.rater_id: e.project_id for e in read_ledger(folder / "ledger.jsonl") if e.event is LedgerEvent.CREATED
    }
    project_id = projects["r1"]
    assert project_id is not None
    tasks = list(server.studio.tasks(project_id))
    for task in tasks[:12]:
        raters["r1"].answer(task.task_id, "neutral")
    pull_round(corpus, name, server.studio, NAMES.get, progress=no_progress)
    assert len(read_table(folder / "annotations.jsonl", Annotation)) == 12

    withdraw(corpus, plan_withdrawal(corpus, Wish("bob")), server.studio)

    left = read_table(folder / "assignments.jsonl", Assignment)
    assert {task.item_id.split("_")[0] for task in left} == {"lunch", "tea"}
    for rater_id, number in projects.items():
        assert number is not None
        keys = {task.data[TASK_KEY] for task in server.studio.tasks(number)}
        assert keys == {task.task_key for task in left if task.rater_id == rater_id}
        files = server.studio.read("files", lambda sdk, number=number: sdk.files.list(id=number, all_=True))
        assert len(files) == (16 if media == "upload" else 0)
    again = push_round(corpus, name, server.studio, progress=no_progress)
    assert (again.num_sent, again.num_tasks) == (0, len(left))
    pulled = pull_round(corpus, name, server.studio, NAMES.get, progress=no_progress)
    votes = read_table(folder / "annotations.jsonl", Annotation)
    assert pulled.num_votes == len(votes) and {vote.item_id.split("_")[0] for vote in votes} <= {"lunch", "tea"}
    assert not any(b"dinner" in path.read_bytes() for path in Path(server.root).rglob("*") if path.is_file())
