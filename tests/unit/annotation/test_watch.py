"""Watching a round: figures checked by hand, bad raters found, and a page that nobody's name can break."""

import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sdme_tools.annotation.answers import Answer, collect_answers
from sdme_tools.annotation.create import RoundRequest, create_round
from sdme_tools.annotation.intervals import make_rate
from sdme_tools.annotation.overview import watch_round
from sdme_tools.annotation.round_files import read_round
from sdme_tools.annotation.watch import RaterStatus, watch
from sdme_tools.annotation.watch_page import render_status_page
from sdme_tools.corpus.table import write_table
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import (
    Annotation,
    Assignment,
    Condition,
    Item,
    Round,
    Submission,
    SubmissionState,
    TaskRole,
)
from tests.tooling.simulated_round import CROWD, simulate
from tests.unit.release.tiny_corpus import make_corpus

ROUND = Round(round_id="r", labels=("calm", "upset"), cannot_tell="cannot tell", origin="label_studio")
BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)


def item(name: str, gold: str | None = None) -> Item:
    return Item(item_id=f"{name}_full", round_id="r", utterance_id=name, condition=Condition.FULL, gold_label=gold)


def answer(rater: str, name: str, label: str | None, order: int, **values: object) -> Answer:
    given = {"role": TaskRole.REGULAR, "lead_ms": 4000, "at": BEGIN + timedelta(seconds=10 * order), **values}
    return Answer(f"{name}_full", name, Condition.FULL, rater, order=order, label=label, **given)  # type: ignore[arg-type]


def status_of(answers: list[Answer], rater: str, items: list[Item]) -> RaterStatus:
    found = watch(ROUND, items, [], answers, {"u1": 2000, "u2": 2000})
    return next(r for r in found.raters if r.rater_id == rater)


def test_figures_of_a_rater_are_those_counted_by_hand() -> None:
    answers = [
        answer("a", "u1", "calm", 0),
        answer("a", "u2", "upset", 1),
        answer("a", "u3", "upset", 2),
        answer("a", "g1", "upset", 3, role=TaskRole.GOLD),
        answer("a", "g2", "calm", 4, role=TaskRole.GOLD),
        answer("a", "u1", "upset", 5, role=TaskRole.REPEAT),
        answer("a", "u4", None, 6),
        answer("b", "u1", "calm", 0),
        answer("b", "u2", "calm", 1),
        answer("c", "u2", "calm", 0),
        answer("b", "u3", "calm", 2),
        answer("c", "u3", "upset", 1),
    ]
    items = [*(item(f"u{n}") for n in range(1, 5)), item("g1", "upset"), item("g2", "upset")]
    a = status_of(answers, "a", items)
    assert (a.num_done, a.num_skipped, a.gold.num_right, a.gold.num) == (7, 1, 1, 2)
    assert (a.repeats.num_right, a.repeats.num) == (0, 1)
    # u1: the others say calm; u2: calm; u3: one each, no first choice.
    assert (a.with_others.num_right, a.with_others.num) == (1, 2)
    assert a.label_shares == {"calm": 0.3333, "upset": 0.6667, "cannot tell": 0.0}
    assert a.others_label_shares == {"calm": 0.8333, "upset": 0.1667, "cannot tell": 0.0}
    assert a.shift == pytest.approx(0.5)
    assert (a.longest_run, a.run_label) == (3, "upset")
    assert (a.median_ms, a.median_of_clip) == (4000, 2.0)
    assert a.answers_per_hour == 360


def test_a_pause_is_no_work() -> None:
    answers = [answer("a", f"u{n}", "calm", n, at=BEGIN + timedelta(hours=n // 5, seconds=n)) for n in range(10)]
    assert status_of(answers, "a", [item(f"u{n}") for n in range(10)]).answers_per_hour == 3600


def test_wilson_intervals_are_those_of_statsmodels() -> None:
    from statsmodels.stats.proportion import proportion_confint

    for right, num in ((0, 1), (1, 1), (3, 10), (17, 20), (450, 900)):
        rate = make_rate(right, num)
        assert (rate.low, rate.high) == pytest.approx(proportion_confint(right, num, method="wilson"), abs=1e-6)
    assert (make_rate(0, 0).low, make_rate(0, 0).high) == (0, 1)


def test_the_last_version_of_an_answer_counts_and_deleted_ones_do_not() -> None:
    items = [item("u1"), item("u2"), item("u3")]
    tasks = [
        Assignment(task_key=f"k{n}", round_id="r", item_id=f"u{n}_full", rater_id="a", role=TaskRole.REGULAR, order=n)
        for n in (1, 2, 3)
    ]

    def submit(
        key: str, version: int, label: str | None, state: SubmissionState = SubmissionState.SUBMITTED
    ) -> Submission:
        return Submission(task_key=key, answer_id=f"of-{key}", version=version, state=state, label=label)

    found = collect_answers(
        items,
        tasks,
        [
            submit("k1", 0, "calm"),
            submit("k1", 1, "upset"),
            submit("k2", 0, None, SubmissionState.SKIPPED),
            submit("k3", 0, "calm"),
            submit("k3", 1, "calm", SubmissionState.DELETED),
        ],
        [Annotation(item_id="u3_full", rater_id="a", label="calm")],
    )
    assert [(a.item_id, a.label) for a in found] == [("u1_full", "upset"), ("u2_full", None)]


@pytest.mark.parametrize("kind", sorted(set(CROWD)))
def test_bad_raters_are_flagged_and_accurate_ones_are_not(kind: str) -> None:
    flagged = total = 0
    for seed in range(200, 206):
        status, kinds = simulate(seed, 600)
        its = [rater for rater in status.raters if kinds[rater.rater_id] == kind]
        flagged, total = flagged + sum(bool(rater.flags) for rater in its), total + len(its)
    assert flagged / total <= 0.1 if kind == "accurate" else flagged / total >= 0.8


def test_who_answers_faster_than_the_clip_lasts_is_flagged(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    create_round(corpus, RoundRequest("pilot", (Condition.FULL,), ("r1", "r2"), 2))
    folder = corpus.layout.round_dir("pilot")
    files = read_round(folder)
    write_table(
        folder / "submissions.jsonl",
        [
            Submission(
                task_key=task.task_key,
                answer_id=str(number),
                version=0,
                state=SubmissionState.SUBMITTED,
                label="neutral" if number % 2 else "sadness",
                submitted_at=BEGIN + timedelta(seconds=number),
                lead_ms=200 if task.rater_id == "r1" else 2500,
            )
            for number, task in enumerate(files.assignments)
            if task.order < 15
        ],
    )
    first, second = watch_round(corpus, "pilot").raters
    assert any(flag.startswith("too fast: answers after 25% of the clip") for flag in first.flags)
    assert not any("too fast" in flag for flag in second.flags)
    assert (first.num_done, first.num_left) == (15, len(files.assignments) // 2 - 15)


def test_a_round_that_was_changed_is_not_watched(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    create_round(corpus, RoundRequest("pilot", (Condition.FULL,), ("r1", "r2"), 2))
    (corpus.layout.round_dir("pilot") / "templates/full/label_config.xml").write_text("<View/>")
    with pytest.raises(AnnotationError, match="is not what was frozen"):
        watch_round(corpus, "pilot")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "br", "line", "circle", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "circle", "rect"):
            assert self.open.pop() == tag


def test_the_page_is_whole_loads_nothing_and_shows_names_as_text() -> None:
    status, _ = simulate(1, 60)
    hostile = status.raters[0].model_copy(update={"rater_id": "<script>x</script>", "flags": ("<img src=x>",)})
    status = status.model_copy(update={"raters": (hostile, *status.raters[1:]), "round_id": "<b>"})
    page = _Page()
    page.feed(render_status_page(status, "now"))
    assert page.open == []
    assert {"script", "img", "b"}.isdisjoint(page.seen)
    assert page.addresses == []
    assert page.seen.count("svg") >= 6


def test_an_empty_round_has_a_page_too() -> None:
    page = _Page()
    page.feed(render_status_page(watch(ROUND, [item("u1")], [], [], {}), "now"))
    assert page.open == []


def test_the_status_is_json(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from sdme_tools.cli.main import cli

    corpus = make_corpus(tmp_path / "corpus")
    create_round(corpus, RoundRequest("pilot", (Condition.VOICE,), ("r1", "r2"), 1))
    page = tmp_path / "page.html"
    told = CliRunner().invoke(cli, ["round", "status", str(corpus.root), "pilot", "--json", "--html", str(page)])
    assert told.exit_code == 0, told.output
    assert [rater["rater_id"] for rater in json.loads(told.stdout)["raters"]] == ["r1", "r2"]
    assert page.read_text().startswith("<!doctype html>")
