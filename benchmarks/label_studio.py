"""How fast a round comes to a real Label Studio and back, and how much memory that takes.

    PYTHONPATH=. python benchmarks/label_studio.py --items 10000 --raters 3

Starts a server of its own in a temporary folder. In the same run it first sends some tasks one call each through the
SDK, and before the pull reads the answers of some tasks one call each: the ratios of the rates are what can be compared
between machines. Votes are put into the server's database by
hand, because its interface takes a tenth of a second and more for each.
"""

import argparse
import resource
import sqlite3
import tempfile
import time
from pathlib import Path

from sdme_tools.annotation.delivery import pull_round, push_round
from sdme_tools.annotation.label_studio import Studio
from sdme_tools.annotation.ledger import Ledger
from sdme_tools.corpus.corpus import Corpus
from tests.studio_round import make_round
from tests.studio_server import Server

RESULT = '[{"from_name": "label", "to_name": "words", "type": "choices", "value": {"choices": ["calm"]}}]'
WHEN = "2026-01-01 00:00:00"


def main() -> None:
    """Measure, and print one figure a line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--items", type=int, default=10_000)
    arguments.add_argument("--raters", type=int, default=3)
    arguments.add_argument("--single", type=int, default=200, help="tasks sent one call each")
    arguments.add_argument("--single-read", type=int, default=300, help="tasks whose answers are read one call each")
    given = arguments.parse_args()
    names = {f"rater{n}@example.org": f"r{n}" for n in range(given.raters)}
    with tempfile.TemporaryDirectory(prefix="sdme-bench-") as folder:
        server = Server(Path(folder) / "corpus", Path(folder) / "home")
        try:
            corpus = make_round(server.root, num_items=given.items, raters=tuple(names.values()))
            for email in names:
                server.sign_up(email)
            measure_push(corpus, server.studio, given.single)
            num_votes = vote(corpus, server, names)
            single = read_one_by_one(corpus, server, given.single_read)
            for name in ("pull", "pull again"):
                begun = time.perf_counter()
                taken = pull_round(corpus, "pilot", server.studio, names.get, progress=lambda done, total: None)
                took = time.perf_counter() - begun
                assert taken.num_votes == num_votes
                rate = num_votes / took
                print(
                    f"{name}: {taken.num_votes} votes in {took:.1f} s, {rate:.0f} votes/s = {rate / single:.1f} × one "
                    f"by one; {memory()}"
                )
        finally:
            server.stop()


def measure_push(corpus: Corpus, studio: Studio, num_single: int) -> None:
    """Send some tasks one by one, then push the round, then push it again."""
    single = send_one_by_one(studio, num_single)
    print(f"one call a task through the SDK: {single:.1f} tasks/s ({num_single} tasks)")
    begun = time.perf_counter()
    report = push_round(corpus, "pilot", studio, progress=lambda done, total: None)
    took = time.perf_counter() - begun
    rate = report.num_sent / took
    print(f"push: {report.num_sent} tasks in {took:.1f} s, {rate:.0f} tasks/s = {rate / single:.1f} × one by one")
    begun = time.perf_counter()
    assert push_round(corpus, "pilot", studio, progress=lambda done, total: None).num_sent == 0
    print(f"push again: {time.perf_counter() - begun:.1f} s; {memory()}")


def send_one_by_one(studio: Studio, number: int) -> float:
    """Tasks a second, as most scripts send them."""
    made = studio.change("", lambda sdk: sdk.projects.create(title="one by one"))
    begun = time.perf_counter()
    for count in range(number):
        data = {"task_key": f"k{count}", "text": f'words <b>of</b> {count} & "more"'}
        studio.change("", lambda sdk, data=data: sdk.tasks.create(project=made.id, data=data))
    return number / (time.perf_counter() - begun)


def read_one_by_one(corpus: Corpus, server: Server, number: int) -> float:
    """Votes a second, as a script reads them that asks for each task: a sample, taken evenly from all queues."""
    studio = server.studio
    ledger = Ledger(corpus.layout.round_dir("pilot") / "ledger.jsonl", server.connection.name)
    ids = [task.task_id for project_id in ledger.projects().values() for task in studio.tasks(project_id)]
    sample = ids[:: max(1, len(ids) // number)][:number]
    begun = time.perf_counter()
    for task_id in sample:
        task = studio.read("", lambda sdk, task_id=task_id: sdk.tasks.get(str(task_id)))
        assert len(task.annotations or []) == 1
    rate = len(sample) / (time.perf_counter() - begun)
    print(f"one call a task through the SDK: {rate:.1f} votes/s ({len(sample)} tasks)")
    return rate


def vote(corpus: Corpus, server: Server, names: dict[str, str]) -> int:
    """Put an answer of its rater under every task."""
    accounts = {names.get(email): user_id for user_id, email in server.studio.accounts().items()}
    ledger = Ledger(corpus.layout.round_dir("pilot") / "ledger.jsonl", server.connection.name)
    rows = []
    with sqlite3.connect(next((server.home / "data").glob("*.sqlite3"))) as database:
        for (_, rater_id), project_id in ledger.projects().items():
            for (task_id,) in database.execute("SELECT id FROM task WHERE project_id = ?", (project_id,)):
                rows.append((RESULT, 0, WHEN, WHEN, task_id, 2.5, 1, accounts[rater_id], 0, project_id))
        database.executemany(
            "INSERT INTO task_completion (result, was_cancelled, created_at, updated_at, task_id, lead_time, "
            "result_count, completed_by_id, ground_truth, project_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    return len(rows)


def memory() -> str:
    """The most that this process ever held."""
    return f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"


if __name__ == "__main__":
    main()
