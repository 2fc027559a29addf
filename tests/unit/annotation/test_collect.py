"""From answers to submissions and votes, whatever form they were exported in."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sdme_tools.annotation.delivery import PullReport, pull_export
from sdme_tools.cli.main import cli
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table, write_table
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Annotation, Assignment, Submission, SubmissionState
from sdme_tools.records.utterance import Utterance
from tests.studio_round import make_round

NAMES = {"ada@example.org": "r1", "bo@example.org": "r2"}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return make_round(tmp_path / "corpus", num_items=4)


def keys(corpus: Corpus, rater_id: str = "r1") -> list[str]:
    tasks = read_table(corpus.layout.round_dir("pilot") / "assignments.jsonl", Assignment)
    return [task.task_key for task in tasks if task.rater_id == rater_id]


def choose(**chosen: str) -> list[dict[str, Any]]:
    return [
        {"from_name": name, "to_name": "words", "type": "choices", "value": {"choices": [value]}}
        for name, value in chosen.items()
    ]


def export(corpus: Corpus, tasks: object) -> PullReport:
    file = corpus.root.parent / "export.json"
    file.write_text(json.dumps(tasks), encoding="utf-8")
    return pull_export(corpus, "pilot", file, NAMES.get)


def votes(corpus: Corpus) -> list[Annotation]:
    return read_table(corpus.layout.round_dir("pilot") / "annotations.jsonl", Annotation)


def submissions(corpus: Corpus) -> list[Submission]:
    return read_table(corpus.layout.round_dir("pilot") / "submissions.jsonl", Submission)


def transplant(file: Path, key: str) -> list[dict[str, Any]]:
    """A real export, as it would be of our round: its first task with our key, its choices with our names."""
    content = json.loads(file.read_text(encoding="utf-8"))
    task = next(
        t for t in (content if isinstance(content, list) else [content]) if t.get("annotations") or t.get("completions")
    )
    text = json.dumps({**task, "data": {**task.get("data", {}), "task_key": key}})
    for name in ("sentiment", "uri_selection", "text_class"):
        text = text.replace(f'"from_name": "{name}"', '"from_name": "label"')
    for value in ("Neutral", "Not Humor", "Cat", "Positive", "positive", "class_A", "Yes"):
        text = text.replace(f'["{value}"]', '["calm"]')
    return [json.loads(text.replace('"from_name": "text"', '"from_name": "label"'))]


@pytest.mark.parametrize(
    ("name", "author"),
    [
        ("ls_tests/humor_dataset_2_annotations.json", "test_suites_user@heartex.com"),
        ("ls_tests/previous_export.json", "annotator_from_past@project.com"),
        ("ls_tests/previous_export_unknown_completed_by.json", None),
        ("ls_tests/tasks_annotations_predictions.json", None),
        ("sdk_tests/test_export_csv_csv_test_colliding_keys.json", "annotator@example.com"),
        ("sdk_tests/test_export_csv_csv_test_history.json", "sergei@heartex.test"),
    ],
)
def test_real_exports_in_all_their_forms(corpus: Corpus, shared_data: Path, name: str, author: str | None) -> None:
    tasks = transplant(shared_data / "label_studio" / name, keys(corpus)[0])
    file = corpus.root.parent / "export.json"
    file.write_text(json.dumps(tasks), encoding="utf-8")
    report = pull_export(corpus, "pilot", file, {author or "": "r1"}.get)
    assert report.num_votes == 1
    assert [(v.rater_id, v.label) for v in votes(corpus)] == [("r1", "calm")]
    assert pull_export(corpus, "pilot", file, {author or "": "r1"}.get).num_new_versions == 0


def test_every_real_export_of_another_project_is_refused_in_words(corpus: Corpus, shared_data: Path) -> None:
    files = sorted((shared_data / "label_studio").glob("*/*.json"))
    assert len(files) > 15
    for file in files:
        with pytest.raises(AnnotationError) as caught:
            pull_export(corpus, "pilot", file, NAMES.get)
        assert str(file) in caught.value.what
        assert caught.value.cure
    assert submissions(corpus) == []


def test_old_completions_with_wrapped_results(corpus: Corpus) -> None:
    task = {
        "id": 1,
        "data": {"task_key": keys(corpus)[0]},
        "completions": [{"id": 3, "result": [choose(label="calm")]}],
    }
    assert export(corpus, task).num_votes == 1


def test_drafts_reviews_and_predictions_are_no_answers(corpus: Corpus) -> None:
    task = {
        "data": {"task_key": keys(corpus)[0]},
        "drafts": [{"id": 1, "result": choose(label="calm"), "user": "ada@example.org"}],
        "predictions": [{"id": 2, "result": choose(label="calm")}],
        "annotations": [],
    }
    assert (export(corpus, [task]).num_votes, submissions(corpus)) == (0, [])


def test_two_answers_are_both_kept_and_the_later_one_is_the_vote(corpus: Corpus) -> None:
    answers = [
        {
            "id": n,
            "completed_by": {"email": "ada@example.org"},
            "created_at": f"2026-01-0{n}T00:00:00Z",
            "result": choose(label=label, confidence="1"),
        }
        for n, label in ((2, "upset"), (1, "calm"))
    ]
    export(corpus, [{"data": {"task_key": keys(corpus)[0]}, "annotations": answers}])
    assert [s.label for s in submissions(corpus)] == ["upset", "calm"]
    assert [(v.label, v.confidence) for v in votes(corpus)] == [("upset", 1.0)]


def test_a_server_whose_clock_is_wrong_loses_no_answer(corpus: Corpus) -> None:
    """Its times are only held against each other: before the round was made, or years ahead, changes nothing."""
    first, second = keys(corpus)[:2]

    def answer(number: int, label: str, at: str) -> dict[str, Any]:
        account = {"id": 9, "email": "ada@example.org"}
        return {"id": number, "completed_by": account, "created_at": at, "result": choose(label=label)}

    tasks = [
        {"data": {"task_key": first}, "annotations": [answer(1, "calm", "2001-01-01T00:00:00Z")]},
        {
            "data": {"task_key": second},
            "annotations": [answer(2, "upset", "2061-01-01T00:00:00Z"), answer(3, "calm", "2060-01-01T00:00:00Z")],
        },
    ]
    assert export(corpus, tasks).num_votes == 2
    assert sorted(vote.label for vote in votes(corpus)) == ["calm", "upset"]
    status = CliRunner().invoke(cli, ["round", "status", str(corpus.root), "pilot", "--json"])
    assert status.exit_code == 0, status.output
    assert export(corpus, tasks).num_new_versions == 0


def test_a_later_answer_without_a_label_does_not_take_a_vote_back(corpus: Corpus) -> None:
    answers = [
        {"id": n, "created_at": f"2026-01-0{n}T00:00:00Z", "result": result}
        for n, result in ((1, choose(label="calm")), (2, []))
    ]
    export(corpus, [{"data": {"task_key": keys(corpus)[0]}, "annotations": answers}])
    assert [vote.label for vote in votes(corpus)] == ["calm"]


def test_skipped_and_empty_answers_are_kept_and_are_no_votes(corpus: Corpus) -> None:
    one, two, *_ = keys(corpus)
    tasks = [
        {"data": {"task_key": one}, "annotations": [{"id": 1, "was_cancelled": True, "result": choose(label="calm")}]},
        {"data": {"task_key": two}, "annotations": [{"id": 2, "result": []}]},
    ]
    assert export(corpus, tasks).states == {"skipped": 1, "submitted": 1}
    assert votes(corpus) == []


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"result": choose(label="furious")}, "'furious' is not one of calm, upset, cannot tell"),
        ({"result": choose(label="calm", confidence="7")}, "confidence '7' is not a number from 0 to 1"),
        ({"result": [*choose(label="calm"), *choose(label="upset")]}, "2 answers to 'label'"),
        ({"completed_by": {"email": "bo@example.org"}, "result": []}, "given by r2, whose task it is not"),
        ({"completed_by": {"email": "eve@example.org"}, "result": []}, "somebody who is no rater"),
    ],
)
def test_an_answer_that_cannot_be_stops_the_whole(corpus: Corpus, answer: dict[str, Any], fault: str) -> None:
    one, two, *_ = keys(corpus)
    good = {"data": {"task_key": one}, "annotations": [{"id": 1, "result": choose(label="calm")}]}
    bad = {"data": {"task_key": two}, "annotations": [{"id": 2, **answer}]}
    with pytest.raises(AnnotationError) as caught:
        export(corpus, [good, bad])
    assert fault in caught.value.what
    assert two in caught.value.what
    assert "@" not in str(caught.value)
    assert submissions(corpus) == []


def test_a_bare_account_number_is_not_believed_to_be_two_raters(corpus: Corpus) -> None:
    tasks = [
        {"data": {"task_key": keys(corpus, rater)[0]}, "annotations": [{"id": n, "completed_by": 7, "result": []}]}
        for n, rater in enumerate(("r1", "r2"))
    ]
    with pytest.raises(AnnotationError, match="account 7 answered tasks of r1, r2"):
        export(corpus, tasks)
    assert export(corpus, tasks[:1]).num_new_versions == 1


@pytest.mark.parametrize("content", ["", "[]", "{", "[1]", '"x"', "null", '[{"data": 3}]', "[" * 100_000])
def test_what_is_no_export_is_refused_in_words(corpus: Corpus, content: str) -> None:
    file = corpus.root.parent / "export.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(AnnotationError):
        pull_export(corpus, "pilot", file, NAMES.get)


@pytest.mark.parametrize("broken", [{"annotations": {}}, {"annotations": [3]}, {"annotations": [{"result": "x"}]}])
def test_annotations_that_no_server_writes_are_refused(corpus: Corpus, broken: dict[str, Any]) -> None:
    with pytest.raises(AnnotationError, match="is not an export of this round"):
        export(corpus, [{"data": {"task_key": keys(corpus)[0]}, **broken}])


def test_answers_to_withdrawn_utterances_are_kept_and_are_no_votes(corpus: Corpus) -> None:
    one, two, *_ = keys(corpus)
    tasks = [
        {"data": {"task_key": key}, "annotations": [{"id": n, "result": choose(label="calm")}]}
        for n, key in enumerate((one, two))
    ]
    write_table(corpus.layout.table("din", "utterances"), corpus.read("din", Utterance)[1:])
    report = export(corpus, tasks)
    assert (report.num_withdrawn, report.num_votes, len(submissions(corpus))) == (1, 1, 2)


def test_a_changed_answer_is_a_further_version_and_an_absent_task_is_left_alone(corpus: Corpus) -> None:
    one, two, *_ = keys(corpus)

    def answered(key: str, label: str) -> dict[str, Any]:
        return {"data": {"task_key": key}, "annotations": [{"id": 5, "lead_time": 1.5, "result": choose(label=label)}]}

    export(corpus, [answered(one, "calm"), answered(two, "calm")])
    export(corpus, [answered(one, "upset")])
    assert [(s.task_key, s.version, s.label) for s in submissions(corpus)] == [
        (one, 0, "calm"),
        (two, 0, "calm"),
        (one, 1, "upset"),
    ]
    export(corpus, [{"data": {"task_key": one}, "annotations": []}])
    assert submissions(corpus)[-1].state is SubmissionState.DELETED
    assert [v.label for v in votes(corpus)] == ["calm"]
