"""A round's way to the annotation server and back: here the corpus is opened for both.

Of a pull the tables are written in the order submissions, annotations, seen tasks, each replaced as a whole. Killed in
between, the next pull reads again what it does not know to be done, and finding the same again changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sdme_tools.annotation.collect import Ballot, TaskState, collect, derive_annotations
from sdme_tools.annotation.contract import check_files
from sdme_tools.annotation.label_studio import Studio, StudioGoneError, StudioMissingError
from sdme_tools.annotation.label_studio_export import read_export
from sdme_tools.annotation.label_studio_media import choose_host
from sdme_tools.annotation.label_studio_pull import pull_project
from sdme_tools.annotation.label_studio_push import QueueReport, push_queue
from sdme_tools.annotation.ledger import Ledger, Queue
from sdme_tools.annotation.queue_plans import find_withheld, plan_queues, tasks_by_queue
from sdme_tools.annotation.round_files import RoundFiles, read_round
from sdme_tools.annotation.tasks import TASK_KEY
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table, write_table
from sdme_tools.errors import AnnotationError, SdmeError, raise_together
from sdme_tools.records.annotation import Condition, Submission, SubmissionState
from sdme_tools.records.base import Record
from sdme_tools.records.studio import SeenTask
from sdme_tools.records.utterance import Utterance

Progress = Callable[[int, int], None]
"""Called with how many tasks are done, of how many."""
NameRater = Callable[[str], str | None]
"""E-mail address of an account -> the rater's pseudonym, None for strangers."""


class PushReport(Record):
    """What a push did."""

    round_id: str
    server: str
    num_tasks: int
    num_sent: int
    num_removed: int
    """Doubles that nobody had answered."""
    num_restored: int
    """Tasks that were edited by hand and unanswered."""
    num_withdrawn: int
    """Unanswered tasks that were taken away, because their utterances have left the corpus."""
    withheld: dict[str, str]
    """Item -> why its tasks are not sent; all others were."""
    projects: dict[str, str]
    """Condition and rater -> address of their project."""


class PullReport(Record):
    """What a pull found, and how the round stands after it."""

    round_id: str
    num_new_versions: int
    num_tasks: int
    num_votes: int
    states: dict[str, int]
    """Answers by what became of them, in their latest version."""
    num_missing_tasks: int
    """Tasks that were deleted on the server by hand; `sdme round push` brings them back."""
    num_withdrawn: int
    """Answered tasks whose utterances have left the corpus: their answers are kept and are no votes."""
    counts_in: str | None
    """The round that this one extends, with which its votes are counted."""


class KnownRater(Record):
    """A rater of the corpus, and whether the server knows them."""

    rater_id: str
    rounds: tuple[str, ...]
    has_account: bool


@dataclass
class _Catch:
    """What a pull has brought so far."""

    states: list[TaskState] = field(default_factory=list)
    seen: list[SeenTask] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Keys of tasks that are not on the server."""
    failure: SdmeError | None = None
    """What kept a project from being read; what the others held is taken all the same."""


def push_round(corpus: Corpus, round_id: str, studio: Studio, *, progress: Progress) -> PushReport:
    """Bring a round's tasks to the server; run again after whatever ended it, no task is missing or double.

    Tasks whose media are missing, or whose utterances have left the corpus, are told and not sent.

    Raises:
        AnnotationError: the round is not what was frozen, it was pushed to another server, or the server refuses or
            does not answer. What arrived stays, and the same call goes on.
        CorpusError: another process holds the corpus.
    """
    folder = corpus.layout.round_dir(round_id)
    with corpus.hold():
        files = read_round(folder)
        check_files(files.campaign, folder)
        withheld = find_withheld(files, folder, _items_in_corpus(corpus, files))
        plans = list(plan_queues(files, folder, withheld))
        if not plans:
            raise AnnotationError(
                f"round {round_id} has no tasks: its votes were made elsewhere",
                cure="push a round that `sdme round create` made",
            )
        host = choose_host(corpus.layout, corpus.config.label_studio)
        studio.check_version()
        ledger = _open_ledger(folder, studio)
        counter = _Counter(sum(len(plan.tasks) for plan in plans), progress)
        batch_size = corpus.config.label_studio.batch_size
        reports = [
            push_queue(studio, plan, ledger, host, batch_size=batch_size, progress=counter.add) for plan in plans
        ]
    return _report_push(round_id, studio, reports, {name: hold.why for name, hold in withheld.items()})


def pull_round(
    corpus: Corpus, round_id: str, studio: Studio, name_rater: NameRater, *, progress: Progress
) -> PullReport:
    """Take over what raters answered since the last pull.

    Raises:
        AnnotationError: answers of strangers or with unknown labels (nothing is written), the round was never pushed
            to this server, a project was deleted, or the server does not answer (what was read is written before).
        CorpusError: another process holds the corpus.
    """
    folder = corpus.layout.round_dir(round_id)
    with corpus.hold():
        files = read_round(folder)
        studio.check_version()
        projects = _open_ledger(folder, studio).projects()
        if not projects:
            raise AnnotationError(
                f"round {round_id} was never pushed to {studio.connection.url}", cure="push it: `sdme round push`"
            )
        before = read_table(folder / "seen_tasks.jsonl", SeenTask)
        catch = _catch_all(files, studio, projects, before, progress)
        raise_together(
            AnnotationError,
            f"round {round_id} holds answers that are not to its tasks (nothing was written, nothing is lost):",
            catch.problems,
            cure="look at these tasks in Label Studio; delete them there, push again, and have them answered again",
        )
        withheld = find_withheld(files, folder, _items_in_corpus(corpus, files))
        item_of = {task.task_key: task.item_id for task in files.assignments}
        num_missing = sum(item_of[key] not in withheld for key in catch.missing)
        report = _take(corpus, files, folder, catch.states, name_rater, num_missing=num_missing)
        read = {row.project_id for row in catch.seen}
        write_table(folder / "seen_tasks.jsonl", [*(r for r in before if r.project_id not in read), *catch.seen])
    if catch.failure is not None:
        raise catch.failure
    return report


def pull_export(corpus: Corpus, round_id: str, file: Path, name_rater: NameRater) -> PullReport:
    """Take over the answers of a file that somebody exported by hand.

    Raises:
        AnnotationError: it is no export of this round, or has answers of strangers or with unknown labels; lists
            them, and nothing is written.
        CorpusError: another process holds the corpus.
    """
    folder = corpus.layout.round_dir(round_id)
    with corpus.hold():
        files = read_round(folder)
        states = read_export(file, {task.task_key: task for task in files.assignments})
        return _take(corpus, files, folder, states, name_rater)


def list_raters(corpus: Corpus, studio: Studio, name_rater: NameRater) -> list[KnownRater]:
    """Tell which raters have tasks in which rounds, and whether the server has an account of theirs."""
    rounds: dict[str, list[str]] = {}
    for round_id in corpus.rounds():
        for rater_id in dict.fromkeys(t.rater_id for t in read_round(corpus.layout.round_dir(round_id)).assignments):
            rounds.setdefault(rater_id, []).append(round_id)
    known = {name_rater(email) for email in studio.accounts().values()}
    return [KnownRater(rater_id=r, rounds=tuple(rounds[r]), has_account=r in known) for r in sorted(rounds)]


class _Counter:
    """Adds up what several queues report."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def add(self, number: int) -> None:
        self.done += number
        self.progress(self.done, self.total)


def _open_ledger(folder: Path, studio: Studio) -> Ledger:
    ledger = Ledger(folder / "ledger.jsonl", studio.connection.name)
    if (other := ledger.other_server()) is not None:
        known = "this corpus' own server" if other == "own" else other
        raise AnnotationError(
            f"round {folder.name} was pushed to {known}, and {studio.connection.url} is another server",
            cure="name that one with --url (or leave --url out for the corpus' own)",
        )
    return ledger


def _report_push(round_id: str, studio: Studio, reports: Sequence[QueueReport], withheld: dict[str, str]) -> PushReport:
    url = studio.connection.url
    return PushReport(
        round_id=round_id,
        server=url,
        num_tasks=sum(report.num_tasks for report in reports),
        num_sent=sum(report.num_sent for report in reports),
        num_removed=sum(report.num_removed for report in reports),
        num_restored=sum(report.num_restored for report in reports),
        num_withdrawn=sum(report.num_withdrawn for report in reports),
        withheld=withheld,
        projects={f"{r.condition.value} {r.rater_id}": f"{url}/projects/{r.project_id}/" for r in reports},
    )


def _catch_all(
    files: RoundFiles, studio: Studio, projects: Mapping[Queue, int], before: Sequence[SeenTask], progress: Progress
) -> _Catch:
    queues = tasks_by_queue(files)
    emails = studio.accounts()
    seen_before = {row.task_id: row for row in before}
    counter = _Counter(sum(len(queues[queue]) for queue in projects if queue in queues), progress)
    catch = _Catch()
    for queue, project_id in projects.items():
        made = {task[TASK_KEY]: task for task in queues.get(queue, [])}
        try:
            pulled = pull_project(studio, project_id, made, seen_before, emails, counter.add)
        except StudioMissingError:
            catch.failure = _explain_gone(queue, project_id, studio)
            continue
        except StudioGoneError as error:
            catch.failure = error
            break
        catch.states += pulled.states
        catch.seen += pulled.seen
        catch.missing += pulled.missing
        catch.problems += pulled.problems
    return catch


def _explain_gone(queue: tuple[Condition, str], project_id: int, studio: Studio) -> AnnotationError:
    return AnnotationError(
        f"project {project_id} ({queue[0].value}, {queue[1]}) is gone from {studio.connection.url}: it was deleted by "
        "hand. What was pulled of it before is kept, and all other projects were pulled",
        cure="restore the server from a backup, or import an export of that project with --from-export",
    )


def _take(
    corpus: Corpus,
    files: RoundFiles,
    folder: Path,
    states: Sequence[TaskState],
    name_rater: NameRater,
    *,
    num_missing: int = 0,
) -> PullReport:
    """Write what was found, and derive the votes anew."""
    held = read_table(folder / "submissions.jsonl", Submission)
    ballot = Ballot(files.campaign, {task.task_key: task for task in files.assignments}, name_rater)
    submissions = collect(ballot, held, states)
    if len(submissions) > len(held):
        write_table(folder / "submissions.jsonl", submissions)
    kept = _items_in_corpus(corpus, files)
    votes = derive_annotations(files.assignments, submissions, kept)
    if votes != files.annotations:
        write_table(folder / "annotations.jsonl", votes)
    latest = {(s.task_key, s.answer_id): s.state for s in submissions}
    item_of = {task.task_key: task.item_id for task in files.assignments}
    answered = {key for (key, _), state in latest.items() if state is SubmissionState.SUBMITTED}
    return PullReport(
        round_id=files.campaign.round_id,
        num_new_versions=len(submissions) - len(held),
        num_tasks=len(files.assignments),
        num_votes=len(votes),
        states=dict(sorted(Counter(state.value for state in latest.values()).items())),
        num_missing_tasks=num_missing,
        num_withdrawn=sum(item_of[key] not in kept for key in answered),
        counts_in=files.campaign.design.extends if files.campaign.design else None,
    )


def _items_in_corpus(corpus: Corpus, files: RoundFiles) -> set[str]:
    there = {u.utterance_id for name in corpus.recording_ids() for u in corpus.read(name, Utterance)}
    return {item.item_id for item in files.items if item.utterance_id in there}
