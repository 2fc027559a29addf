"""What rounds there are and what they were made of."""

from sdme_tools.annotation.answers import collect_answers
from sdme_tools.annotation.contract import check_files, find_breaches
from sdme_tools.annotation.round_files import read_extensions, read_round
from sdme_tools.annotation.suspicion import flag_raters
from sdme_tools.annotation.watch import RoundStatus, watch
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table
from sdme_tools.records.annotation import Submission
from sdme_tools.records.base import Record
from sdme_tools.records.utterance import Clip


class RoundLine(Record):
    """A round in a list."""

    round_id: str
    origin: str
    conditions: tuple[str, ...]
    num_raters: int
    num_items: int
    num_tasks: int
    num_votes: int
    state: str
    """'yes', 'changed' or, for votes made elsewhere, 'no contract'."""


class RoundFacts(Record):
    """A round's design, and where it is no longer what was frozen."""

    facts: dict[str, str]
    breaches: tuple[str, ...]


def list_rounds(corpus: Corpus) -> list[RoundLine]:
    """Every round of a corpus, by name."""
    lines = []
    for round_id in corpus.rounds():
        folder = corpus.layout.round_dir(round_id)
        files = read_round(folder)
        intact = not any(find_breaches(files.campaign, folder, files.items))
        raters = {task.rater_id for task in files.assignments} | {vote.rater_id for vote in files.annotations}
        lines.append(
            RoundLine(
                round_id=round_id,
                origin=files.campaign.origin,
                conditions=tuple(sorted({item.condition.value for item in files.items})),
                num_raters=len(raters),
                num_items=len(files.items),
                num_tasks=len(files.assignments),
                num_votes=len(files.annotations),
                state="no contract" if files.campaign.contract is None else "yes" if intact else "changed",
            )
        )
    return lines


def watch_round(corpus: Corpus, round_id: str) -> RoundStatus:
    """How a round goes at this moment, with flags on raters who should be looked at.

    Raises:
        AnnotationError: there is no such round, or it is no longer what was frozen.
        CorpusError: a file is damaged.
    """
    folder = corpus.layout.round_dir(round_id)
    files = read_round(folder)
    check_files(files.campaign, folder)
    submissions = read_table(folder / "submissions.jsonl", Submission)
    answers = collect_answers(files.items, files.assignments, submissions, files.annotations)
    durations_ms = {c.utterance_id: c.duration_ms for name in corpus.recording_ids() for c in corpus.read(name, Clip)}
    return flag_raters(watch(files.campaign, files.items, files.assignments, answers, durations_ms), answers)


def show_round(corpus: Corpus, round_id: str, *, with_media: bool = False) -> RoundFacts:
    """A round's design and breaches of its contract.

    Raises:
        AnnotationError: there is no such round.
        CorpusError: a file is damaged.
    """
    folder = corpus.layout.round_dir(round_id)
    files = read_round(folder)
    campaign, design, contract = files.campaign, files.campaign.design, files.campaign.contract
    facts = {
        "round": round_id,
        "origin": campaign.origin,
        "labels": ", ".join((*campaign.labels, campaign.cannot_tell)),
        "made": campaign.created_at.isoformat(timespec="seconds") if campaign.created_at else "elsewhere",
        "items": str(len(files.items)),
        "tasks": str(len(files.assignments)),
        "votes": str(len(files.annotations)),
    }
    if design is not None:
        facts |= {
            "conditions": ", ".join(condition.value for condition in design.conditions),
            "raters": ", ".join(design.raters),
            "raters per item": str(design.per_item),
            "selected": design.select,
            "seed": str(design.seed),
            "gold, repeats": f"{design.gold_rate:g}, {design.repeat_rate:g} of the regular items",
            "practice": str(design.num_practice),
            "wash-out": ", ".join(design.wash_out) or "none",
        }
        facts |= {"extends": design.extends} if design.extends else {}
        facts |= {"adjudicates": design.adjudicates} if design.adjudicates else {}
    if extensions := read_extensions(folder):
        facts["extended by"] = ", ".join(extension.campaign.round_id for extension in extensions)
    facts["contract"] = contract.digest if contract else "none"
    breaches = find_breaches(campaign, folder, files.items, with_media=with_media)
    return RoundFacts(facts=facts, breaches=tuple(breaches))
