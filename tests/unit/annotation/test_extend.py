"""Extensions: asked only where there is doubt, of people who have not met it, priced first, and counted together."""

import random
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from sdme_tools.annotation.adjudicate import AdjudicationRequest, adjudicate
from sdme_tools.annotation.agreement.sources import read_corpus_votes
from sdme_tools.annotation.consensus import derive_consensus
from sdme_tools.annotation.consensus_rounds import decide_round
from sdme_tools.annotation.contract import check_contract
from sdme_tools.annotation.create import RoundRequest, create_round
from sdme_tools.annotation.extend import ExtensionOffer, ExtensionRequest, extend_round, offer_extension
from sdme_tools.annotation.overview import show_round, watch_round
from sdme_tools.annotation.queues import count_share
from sdme_tools.annotation.round_files import RoundFiles, find_meetings, read_round
from sdme_tools.annotation.rounds import import_votes
from sdme_tools.annotation.tasks import build_task
from sdme_tools.cli.main import cli
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import write_table
from sdme_tools.corpus.view import read_labels
from sdme_tools.corpus.votes import scan_votes
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Annotation, Condition, Consensus, ConsensusMethod, ConsensusRule, TaskRole
from tests.unit.release.tiny_corpus import LABELS, make_corpus, utterance_ids

RATERS = ("r0", "r1", "r2", "r3", "r4")
LEAD_MS = 4000
TARGET = 0.98


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """24 utterances, two of five raters each: on the first six they differ, on the others they agree."""
    corpus = make_corpus(tmp_path / "corpus")
    create_round(corpus, RoundRequest("main", (Condition.FULL,), RATERS, 2, repeat_rate=0.0))
    answer(corpus, "main")
    return corpus


def read(corpus: Corpus, round_id: str) -> RoundFiles:
    return read_round(corpus.layout.round_dir(round_id))


def truth_of(corpus: Corpus) -> dict[str, str]:
    return {name: LABELS[place % 3] for place, name in enumerate(utterance_ids(corpus))}


def answer(corpus: Corpus, round_id: str, *, only: tuple[str, ...] = RATERS) -> None:
    """Let raters answer: right, but that the second one of each of the first six utterances is wrong."""
    files, truth = read(corpus, round_id), truth_of(corpus)
    hard = set(utterance_ids(corpus)[:6])
    utterance_of = {item.item_id: item.utterance_id for item in files.items}
    seen: set[str] = set()
    votes = []
    for task in files.assignments:
        name = utterance_of[task.item_id]
        wrong = round_id == "main" and name in hard and name in seen
        seen.add(name)
        label = LABELS[(LABELS.index(truth[name]) + wrong) % 3]
        if task.rater_id in only:
            votes.append(
                Annotation(
                    item_id=task.item_id,
                    rater_id=task.rater_id,
                    role=task.role,
                    label=label,
                    order=task.order,
                    lead_ms=LEAD_MS,
                )
            )
    write_table(corpus.layout.round_dir(round_id) / "annotations.jsonl", votes)


def request(**options: object) -> ExtensionRequest:
    values: dict[str, object] = {"source": "main", "target": TARGET, "max_raters": 4, **options}
    return ExtensionRequest(**values)  # type: ignore[arg-type]


def extend(corpus: Corpus, **options: object) -> ExtensionOffer:
    offer = offer_extension(corpus, request(**options))
    extend_round(corpus, request(**options), offer)
    return offer


def in_doubt(corpus: Corpus, target: float = TARGET) -> list[str]:
    """Utterances whose likeliest answer does not reach the target; the ties of these rounds are among them."""
    files = read(corpus, "main")
    rule = ConsensusRule(method=ConsensusMethod.DAWID_SKENE)
    rows = derive_consensus(files.campaign, files.items, files.annotations, rule)
    return [row.utterance_id for row in rows if max(row.posterior.values()) < target]


def consensus(corpus: Corpus, round_id: str = "main") -> dict[str, Consensus]:
    return {row.utterance_id: row for row in read(corpus, round_id).consensus}


def test_only_what_is_in_doubt_is_asked_of_who_has_not_met_it(corpus: Corpus) -> None:
    met, doubtful = find_meetings([read(corpus, "main")]), in_doubt(corpus)
    offer = extend(corpus)
    assert 6 <= len(doubtful) <= 12
    assert (offer.num_items, offer.num_settled, offer.num_waiting) == (len(doubtful), 24 - len(doubtful), 0)
    files = read(corpus, offer.round_id)
    assert {item.utterance_id for item in files.items} == set(doubtful)
    assert len(files.assignments) == len(doubtful)
    utterance_of = {item.item_id: item.utterance_id for item in files.items}
    assert not any(utterance_of[task.item_id] in met[task.rater_id] for task in files.assignments)


def test_the_price_is_told_and_nothing_made_before_it_is_agreed_to(corpus: Corpus) -> None:
    before = read(corpus, "main").campaign
    offer = offer_extension(corpus, request())
    num = len(in_doubt(corpus))
    assert (offer.cost_ms, offer.max_votes, offer.max_cost_ms) == (num * LEAD_MS, 2 * num, 2 * num * LEAD_MS)
    assert offer.num_tasks == num
    assert corpus.rounds() == ["main"]
    command = ["round", "extend", str(corpus.root), "main", "--max-raters", "4", "--target", str(TARGET)]
    run = CliRunner().invoke(cli, command, input="n\n")
    assert run.exit_code == 1
    assert f"{num} are in doubt and would get one further rater each: {num} tasks" in run.stderr
    assert f"at most {2 * num} votes, about 1 minutes" in run.stderr
    assert corpus.rounds() == ["main"]
    run = CliRunner().invoke(cli, [*command, "--yes"])
    assert run.exit_code == 0, run.output
    assert corpus.rounds() == ["main", "main-extension-1"]
    assert read(corpus, "main").campaign == before


def test_an_extension_shows_the_same_and_is_frozen_like_any_round(corpus: Corpus) -> None:
    offer = extend(corpus)
    files, main = read(corpus, offer.round_id), read(corpus, "main")
    folder, main_folder = (corpus.layout.round_dir(name) for name in (offer.round_id, "main"))
    check_contract(files.campaign, folder, files.items, with_media=True)
    for name in ("label_config.xml", "guidelines.md"):
        path = Path("templates", "full", name)
        assert (folder / path).read_bytes() == (main_folder / path).read_bytes()
    shown = {item.item_id: item for item in main.items}
    for task in files.assignments:
        item = next(item for item in files.items if item.item_id == task.item_id)
        assert item.text == shown[item.item_id].text
        media, before = item.media, shown[item.item_id].media
        assert media is not None
        assert before is not None
        assert (media.sha256, media.path != before.path) == (before.sha256, True)
        assert (corpus.root / build_task(files.campaign, item, task)["video"]).is_file()
    assert show_round(corpus, offer.round_id).facts["extends"] == "main"
    assert show_round(corpus, "main").facts["extended by"] == offer.round_id
    assert [rater.num_left for rater in watch_round(corpus, offer.round_id).raters if rater.num_left]


def test_votes_of_round_and_extension_are_counted_together(corpus: Corpus) -> None:
    decide_round(corpus, "main")
    tied = [name for name, row in consensus(corpus).items() if row.reason == "tie"]
    hard = in_doubt(corpus)
    assert tied == utterance_ids(corpus)[:6]
    assert set(tied) <= set(hard)
    offer = extend(corpus)
    answer(corpus, offer.round_id)
    decide_round(corpus, None)
    rows, truth = consensus(corpus), truth_of(corpus)
    assert {rows[name].num_raters for name in hard} == {3}
    assert [rows[name].label for name in hard] == [truth[name] for name in hard]
    assert {rows[name].num_raters for name in set(truth) - set(hard)} == {2}
    assert read_labels(corpus) == truth
    released = Counter((vote.round_id, vote.utterance_id) for vote in scan_votes(corpus))
    assert released == {("main", name): row.num_raters for name, row in rows.items()}
    assert {vote.method for vote in scan_votes(corpus)} == {"plurality"}
    with pytest.raises(AnnotationError, match="its votes count in round main"):
        decide_round(corpus, offer.round_id)


def test_extending_again_waits_for_answers_and_ends(corpus: Corpus) -> None:
    first, num = extend(corpus), len(in_doubt(corpus))
    waiting = offer_extension(corpus, request())
    assert (waiting.num_items, waiting.num_waiting, waiting.num_settled) == (0, num, 24 - num)
    answer(corpus, first.round_id)
    made = []
    while (offer := offer_extension(corpus, request(target=0.999999))).num_items:
        made.append(extend(corpus, target=0.999999).round_id)
        answer(corpus, made[-1])
    assert made == [f"main-extension-{number + 2}" for number in range(len(made))]
    assert made
    assert offer.num_exhausted > 0
    assert offer.num_settled + offer.num_exhausted == 24
    decide_round(corpus, "main")
    assert max(row.num_raters for row in consensus(corpus).values()) == 4


def test_nobody_waits_for_who_is_gone(corpus: Corpus) -> None:
    offer = extend(corpus)
    busy = sorted(offer.tasks_by_rater)[0]
    answer(corpus, offer.round_id, only=tuple(set(RATERS) - {busy}))
    left = offer_extension(corpus, request(target=1.0))
    assert left.num_waiting == offer.tasks_by_rater[busy] > 0
    without = offer_extension(corpus, request(target=1.0, gone=(busy,)))
    assert (without.num_waiting, without.num_items) == (0, left.num_items + left.num_waiting)
    assert busy not in without.tasks_by_rater
    with pytest.raises(AnnotationError, match="nobody of that name"):
        offer_extension(corpus, request(gone=("nobody",)))


def test_who_has_met_all_cannot_be_asked_and_loads_need_not_be_level(corpus: Corpus) -> None:
    met = find_meetings([read(corpus, "main")])
    hard, one = set(in_doubt(corpus)), RATERS[0]
    assert hard & met[one]
    assert hard - met[one]
    offer = offer_extension(corpus, request(raters=(one,)))
    assert offer.num_unreachable == len(hard & met[one])
    assert offer.tasks_by_rater == {one: len(hard - met[one])}
    fresh = offer_extension(corpus, request(raters=(one, "new")))
    assert (fresh.num_items, fresh.num_unreachable) == (len(hard), 0)


def test_what_the_votes_leave_tied_is_in_doubt_however_sure_the_model_is(corpus: Corpus) -> None:
    offer = offer_extension(corpus, request(target=0.01))
    assert offer.num_items == 6
    assert offer.num_settled == 18


def test_gold_and_repeats_are_hidden_among_the_doubtful(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    gold = tmp_path / "gold.csv"
    names = utterance_ids(corpus)
    gold.write_text("utterance_id,label\n" + "".join(f"{u},{truth_of(corpus)[u]}\n" for u in names[-6:]))
    design = RoundRequest("main", (Condition.FULL,), RATERS, 2, gold=str(gold), gold_rate=0.2, repeat_rate=0.2)
    create_round(corpus, design)
    answer(corpus, "main")
    offer = extend(corpus, raters=("n1", "n2"))
    files = read(corpus, offer.round_id)
    roles = [task.role for task in files.assignments]
    assert roles.count(TaskRole.REGULAR) == offer.num_items
    regular = Counter(task.rater_id for task in files.assignments if task.role is TaskRole.REGULAR)
    expected = sum(count_share(0.2, number) for number in regular.values())
    assert roles.count(TaskRole.GOLD) == roles.count(TaskRole.REPEAT) == expected > 0
    assert offer.cost_ms == len(roles) * LEAD_MS
    assert {item.gold_label is None for item in files.items} == {True, False}
    decide_round(corpus, "main")
    assert not consensus(corpus).keys() & set(names[-6:])


def test_agreement_leaves_extensions_out_unless_named(corpus: Corpus) -> None:
    offer = extend(corpus)
    answer(corpus, offer.round_id)
    votes = read_corpus_votes(corpus, ())
    assert votes.table.num_votes == 48
    assert offer.round_id in votes.notes[0]
    assert read_corpus_votes(corpus, ("main", offer.round_id)).table.num_votes == 48 + offer.num_items


def test_adjudicators_decide_nothing_that_they_voted_on_in_an_extension(corpus: Corpus) -> None:
    offer = extend(corpus, raters=("n1", "n2"))
    files = read(corpus, offer.round_id)
    votes = [
        Annotation(item_id=t.item_id, rater_id=t.rater_id, label="cannot tell", order=t.order)
        for t in files.assignments
    ]
    write_table(corpus.layout.round_dir(offer.round_id) / "annotations.jsonl", votes)
    decide_round(corpus, "main")
    disputed = AdjudicationRequest("main", "decided", None, ("n1", "n2"), decoy_rate=0.0)
    adjudicate(corpus, disputed)
    met = {(task.rater_id, task.item_id) for task in files.assignments}
    assert not met & {(task.rater_id, task.item_id) for task in read(corpus, "decided").assignments}
    with pytest.raises(AnnotationError, match="which counts its votes"):
        adjudicate(corpus, AdjudicationRequest(offer.round_id, "x", None, ("e1",)))
    with pytest.raises(AnnotationError, match="is an adjudication"):
        offer_extension(corpus, request(source="decided"))
    with pytest.raises(AnnotationError, match="is an extension itself"):
        offer_extension(corpus, request(source=offer.round_id))


def test_votes_made_elsewhere_can_be_extended_and_later_imports_count_both(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    names, truth = utterance_ids(corpus), truth_of(corpus)
    rng = random.Random(3)
    lines = [f"{name},{r},{truth[name]}" for name in names[1:] for r in ("a", "b", "c")]
    lines += [f"{names[0]},a,neutral", f"{names[0]},b,sadness"]
    rng.shuffle(lines)
    file = tmp_path / "votes.csv"
    file.write_text("utterance_id,rater_id,label\n" + "\n".join(lines))
    import_votes(corpus, file)
    offer = extend(corpus, source="import", raters=("n1",), gold_rate=0.0)
    assert offer.num_items == 1
    answer(corpus, offer.round_id, only=("n1",))
    import_votes(corpus, file)
    assert consensus(corpus, "import")[names[0]].num_raters == 3
    assert consensus(corpus, "import")[names[0]].label == "neutral"


def test_a_round_that_changed_meanwhile_is_offered_anew(corpus: Corpus) -> None:
    offer = offer_extension(corpus, request())
    files = read(corpus, "main")
    folder = corpus.layout.round_dir("main")
    write_table(folder / "annotations.jsonl", files.annotations[:-1])
    with pytest.raises(AnnotationError, match="has changed since"):
        extend_round(corpus, request(), offer)
    assert corpus.rounds() == ["main"]


def test_impossible_extensions_are_refused_in_words(corpus: Corpus, tmp_path: Path) -> None:
    for options, what in (
        ({"source": "nothing"}, "no such round"),
        ({"condition": Condition.VOICE}, "has items of the conditions full"),
        ({"raters": ("e@x.org",)}, "is an e-mail address"),
        ({"gone": RATERS}, "nobody is left"),
        ({"round_id": "main"}, "there is a round already"),
    ):
        with pytest.raises(AnnotationError, match=what):
            offer_extension(corpus, request(**options))
    create_round(corpus, RoundRequest("empty", (Condition.FULL,), RATERS, 2, wash_out=()))
    with pytest.raises(AnnotationError, match="has no votes yet"):
        offer_extension(corpus, request(source="empty"))
