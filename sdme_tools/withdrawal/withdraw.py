"""The door of withdrawals: a plan is made and shown, written down as a journal, carried out, and the journal removed.

While the journal stands, no other command opens the corpus. Killed at any moment, `sdme withdraw DIR` goes on, and the
corpus ends with the same bytes as one from which somebody was taken out undisturbed.
"""

import os
from dataclasses import dataclass

from sdme_tools.annotation.label_studio import Studio
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_record, write_record
from sdme_tools.errors import CorpusError, raise_together
from sdme_tools.records.withdrawal import Tombstone, Withdrawal
from sdme_tools.withdrawal.carry_out import bury, carry_out
from sdme_tools.withdrawal.plan import Wish, make_plan
from sdme_tools.withdrawal.server import require_server


@dataclass(frozen=True)
class WithdrawalReport:
    """What was done."""

    plan: Withdrawal
    tombstone: Tombstone
    remarks: tuple[str, ...]
    """What is left to do for a person."""


def find_unfinished(corpus: Corpus) -> Withdrawal | None:
    """The withdrawal that a killed command left half done; None where there is none.

    Raises:
        CorpusError: its journal is damaged.
    """
    path = corpus.layout.withdrawal
    if not path.exists():
        return None
    try:
        return read_record(path, Withdrawal)
    except CorpusError as error:
        raise CorpusError(error.what, cure=f"restore {path} from a backup: it tells what is left to be done") from error


def plan_withdrawal(corpus: Corpus, wish: Wish) -> Withdrawal:
    """Find everything that is to be done; nothing is changed but that a key is made where there is none.

    Raises: as `make_plan`.
    """
    return make_plan(corpus, wish)


def withdraw(corpus: Corpus, plan: Withdrawal, studio: Studio | None = None) -> WithdrawalReport:
    """Do what a plan says; the server is asked for first, so that nothing begins that cannot be ended.

    Raises:
        CorpusError: another process holds the corpus, another withdrawal is half done, the corpus is no longer what the
            plan was made of, or other files name the participant and are not to be removed.
        AnnotationError: tasks are on a server that does not answer or is not given.
    """
    with corpus.hold(to_withdraw=True):
        if find_unfinished(corpus) is not None:
            raise CorpusError(
                f"{corpus.root}: another withdrawal is half done", cure=f"finish it: sdme withdraw {corpus.root}"
            )
        now = make_plan(
            corpus,
            Wish(
                participant_id=plan.participant_id,
                scope=plan.scope,
                delete_sources=plan.delete_sources,
                use_server=plan.use_server,
                remove_others=plan.remove_others,
                today=plan.begun_on,
            ),
        )
        if now != plan:
            raise CorpusError(f"{corpus.root} has changed since the plan was made", cure="look at the new plan")
        if not plan.remove_others:
            raise_together(
                CorpusError,
                f"{corpus.root}: other files name {plan.participant_id} or what goes with them:",
                plan.other_files,
                cure="look at them and move them elsewhere, or have them removed with --remove-others",
            )
        if plan.use_server:
            require_server(plan.server_tasks, studio)
        write_record(corpus.layout.withdrawal, plan)
        _flush(corpus)
        return _finish(corpus, plan, studio)


def finish_withdrawal(corpus: Corpus, studio: Studio | None = None, *, use_server: bool = True) -> WithdrawalReport:
    """Go on where a killed command stopped.

    Raises: as `withdraw`.
    """
    with corpus.hold(to_withdraw=True):
        plan = find_unfinished(corpus)
        if plan is None:
            raise CorpusError(f"{corpus.root}: no withdrawal is half done", cure="name the participant who withdraws")
        plan = plan.model_copy(update={"use_server": plan.use_server and use_server})
        if plan.use_server:
            require_server(plan.server_tasks, studio)
        return _finish(corpus, plan, studio)


def _finish(corpus: Corpus, plan: Withdrawal, studio: Studio | None) -> WithdrawalReport:
    remarks = list(carry_out(corpus, plan, studio))
    corpus.layout.withdrawal.unlink()
    return WithdrawalReport(plan, bury(plan), tuple(remarks))


def _flush(corpus: Corpus) -> None:
    """Have the journal on the disk before anything is deleted, should the power fail."""
    for path in (corpus.layout.withdrawal, corpus.root):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
