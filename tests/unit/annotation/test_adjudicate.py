"""Adjudication: what is disputed is decided blind, among decoys, and the decision counts where labels are read."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from sdme_tools.annotation.adjudicate import AdjudicationRequest, adjudicate
from sdme_tools.annotation.consensus import decide
from sdme_tools.annotation.contract import check_contract
from sdme_tools.annotation.create import RoundRequest, create_round
from sdme_tools.annotation.overview import watch_round
from sdme_tools.annotation.round_files import RoundFiles, read_round
from sdme_tools.annotation.rounds import import_votes
from sdme_tools.annotation.tasks import build_task
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import write_table
from sdme_tools.corpus.verdicts import read_verdicts
from sdme_tools.corpus.view import read_labels
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Annotation, Condition, TaskRole
from tests.unit.release.tiny_corpus import make_corpus, utterance_ids

TIE, LOW, AGREED, UNCLEAR = (
    ("neutral", "sadness"),
    ("neutral", "neutral", "sadness", "happiness"),
    ("sadness",) * 4,
    ("cannot tell",) * 3,
)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Four tied utterances, four with a weak label, two of which nobody could tell, the others agreed."""
    corpus = make_corpus(tmp_path / "corpus")
    create_round(corpus, RoundRequest("pilot", (Condition.FULL,), tuple(f"r{n}" for n in range(6)), 4, repeat_rate=0.0))
    vote(corpus, "pilot", [*(TIE,) * 4, *(LOW,) * 4, *(UNCLEAR,) * 2, *(AGREED,) * 14])
    return corpus


def read(corpus: Corpus, round_id: str) -> RoundFiles:
    return read_round(corpus.layout.round_dir(round_id))


def vote(corpus: Corpus, round_id: str, answers: Sequence[Sequence[str]], role: TaskRole = TaskRole.REGULAR) -> None:
    """Let the assigned raters answer: utterance by utterance, rater by rater."""
    files = read(corpus, round_id)
    said = dict(zip(utterance_ids(corpus), answers, strict=True))
    items = {item.item_id: item for item in files.items}
    votes, rows = [], []
    for name, item in items.items():
        tasks = [task for task in files.assignments if task.item_id == name]
        labels = said[item.utterance_id]
        votes += [
            Annotation(item_id=name, rater_id=task.rater_id, role=task.role, label=label, order=task.order)
            for task, label in zip(tasks, labels, strict=False)
        ]
        if tasks[0].role is role:
            rows.append(decide(files.campaign, item, labels[: len(tasks)]))
    folder = corpus.layout.round_dir(round_id)
    write_table(folder / "annotations.jsonl", votes)
    write_table(folder / "consensus.jsonl", rows)


def request(**options: object) -> AdjudicationRequest:
    values: dict[str, object] = {"source": "pilot", "round_id": "decided", "condition": None, "raters": ("e1", "e2")}
    return AdjudicationRequest(**{**values, **options})  # type: ignore[arg-type]


def test_ties_and_weak_labels_are_decided_among_agreed_decoys(corpus: Corpus) -> None:
    report = adjudicate(corpus, request(decoy_rate=1.0))
    ids, files = utterance_ids(corpus), read(corpus, "decided")
    by_role = {role: {t.item_id for t in files.assignments if t.role is role} for role in TaskRole}
    items = {item.item_id: item for item in files.items}
    assert {items[name].utterance_id for name in by_role[TaskRole.REGULAR]} == set(ids[:8])
    assert {items[name].utterance_id for name in by_role[TaskRole.DECOY]} <= set(ids[10:])
    assert report.num_tasks == {"regular": 8, "decoy": 8}
    assert {item.gold_label for item in files.items} == {None, "sadness"}
    assert (files.campaign.origin, files.campaign.design and files.campaign.design.adjudicates) == (
        "adjudication",
        "pilot",
    )
    check_contract(files.campaign, corpus.layout.round_dir("decided"), files.items, with_media=True)
    shown = [build_task(files.campaign, items[task.item_id], task) for task in files.assignments]
    assert {frozenset(data) for data in shown} == {frozenset({"task_key", "video", "text"})}
    assert all((corpus.root / data["video"]).is_file() for data in shown)


def test_nobody_decides_what_they_voted_on(corpus: Corpus) -> None:
    adjudicate(corpus, request(raters=tuple(f"r{n}" for n in range(6)), decoy_rate=0.0))
    met = {(vote.rater_id, vote.item_id) for vote in read(corpus, "pilot").assignments}
    assert not met & {(task.rater_id, task.item_id) for task in read(corpus, "decided").assignments}


def test_decisions_come_before_votes_and_the_votes_stay(corpus: Corpus) -> None:
    ids = utterance_ids(corpus)
    before = read_labels(corpus)
    assert ids[0] not in before
    assert before[ids[4]] == "neutral"
    pilot = {p.name: p.read_bytes() for p in corpus.layout.round_dir("pilot").glob("*.json*")}
    adjudicate(corpus, request(per_item=1))
    vote(corpus, "decided", [*(("happiness",),) * 8, *(("sadness",),) * 16])
    after = read_labels(corpus)
    assert {after[name] for name in ids[:8]} == {"happiness"}
    assert {name: after.get(name) for name in ids[8:]} == {name: before.get(name) for name in ids[8:]}
    assert {p.name: p.read_bytes() for p in corpus.layout.round_dir("pilot").glob("*.json*")} == pilot
    weak = [row for row in read_verdicts(corpus) if row.utterance_id == ids[4]]
    assert {(row.label, row.num_raters) for row in weak} == {(None, 4), ("happiness", 1)}


def test_undecided_items_keep_what_the_votes_said(corpus: Corpus) -> None:
    ids = utterance_ids(corpus)
    adjudicate(corpus, request(per_item=2))
    vote(corpus, "decided", [*(TIE,) * 8, *(("sadness",) * 2,) * 16])
    assert read_labels(corpus)[ids[4]] == "neutral"
    assert ids[0] not in read_labels(corpus)


def test_errors_on_decoys_are_told(corpus: Corpus) -> None:
    adjudicate(corpus, request(raters=("e1",), decoy_rate=1.0))
    vote(corpus, "decided", [*(("happiness",),) * 8, *(("sadness",),) * 8, *(("neutral",),) * 8])
    (expert,) = watch_round(corpus, "decided").raters
    files = read(corpus, "decided")
    decoys = [v for v in files.annotations if v.role is TaskRole.DECOY]
    assert expert.gold.num == len(decoys) == 8
    assert expert.gold.num_right == sum(v.label == "sadness" for v in decoys) < 8


def test_votes_made_elsewhere_can_be_adjudicated_too(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    ids = utterance_ids(corpus)
    file = corpus.root / "votes.csv"
    lines = [f"{ids[0]},a,neutral", f"{ids[0]},b,sadness", *(f"{ids[n]},{r},sadness" for n in (1, 2) for r in "ab")]
    file.write_text("utterance_id,rater_id,label\n" + "\n".join(lines))
    import_votes(corpus, file)
    adjudicate(corpus, request(source="import", raters=("e1",), decoy_rate=1.0))
    files = read(corpus, "decided")
    items = {item.item_id: item for item in files.items}
    assert len(files.assignments) == 2
    for task in files.assignments:
        assert (corpus.root / build_task(files.campaign, items[task.item_id], task)["video"]).is_file()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"decoy_rate": 4.0, "raters": ("e1",)}, "items with a known answer"),
        ({"source": "nothing"}, "no such round"),
        ({"per_item": 3}, "need 3 raters"),
        ({"condition": Condition.VOICE}, "has items of the conditions full"),
        ({"raters": ("e@x.org",)}, "is an e-mail address"),
    ],
)
def test_impossible_adjudications_are_refused(corpus: Corpus, options: dict[str, object], what: str) -> None:
    with pytest.raises(AnnotationError, match=what):
        adjudicate(corpus, request(**options))
    assert corpus.rounds() == ["pilot"]


def test_a_round_without_consensus_or_dispute_is_refused(corpus: Corpus) -> None:
    vote(corpus, "pilot", [AGREED] * 24)
    with pytest.raises(AnnotationError, match="nothing in round pilot is disputed"):
        adjudicate(corpus, request())
    (corpus.layout.round_dir("pilot") / "consensus.jsonl").unlink()
    with pytest.raises(AnnotationError, match="has no consensus yet"):
        adjudicate(corpus, request())
