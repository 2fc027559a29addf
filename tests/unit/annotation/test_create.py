"""Making rounds on a real corpus: frozen, blind, whole or not there at all."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from sdme_tools.annotation.contract import check_contract
from sdme_tools.annotation.create import RoundRequest, create_round
from sdme_tools.annotation.freeze import RoundReport
from sdme_tools.annotation.overview import list_rounds, show_round
from sdme_tools.annotation.round_files import RoundFiles, read_round
from sdme_tools.annotation.rounds import import_votes
from sdme_tools.annotation.tasks import build_task
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.view import read_labels
from sdme_tools.errors import AnnotationError, CorpusError
from sdme_tools.records.annotation import Condition, TaskRole
from tests.unit.release.tiny_corpus import make_corpus, utterance_ids


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return make_corpus(tmp_path / "corpus")


def create(corpus: Corpus, round_id: str = "pilot", **options: object) -> RoundReport:
    values: dict[str, object] = {
        "conditions": (Condition.FULL,),
        "raters": ("r1", "r2", "r3"),
        "per_item": 2,
        **options,
    }
    return create_round(corpus, RoundRequest(round_id=round_id, **values))  # type: ignore[arg-type]


def read(corpus: Corpus, round_id: str = "pilot") -> RoundFiles:
    return read_round(corpus.layout.round_dir(round_id))


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def write_gold(corpus: Corpus, number: int) -> str:
    file = corpus.root / "gold.csv"
    file.write_text("utterance_id,label\n" + "".join(f"{u},sadness\n" for u in utterance_ids(corpus)[:number]))
    return str(file)


def test_a_round_holds_everything_that_raters_are_shown(corpus: Corpus) -> None:
    report = create(
        corpus,
        conditions=tuple(Condition),
        raters=tuple(f"r{n}" for n in range(9)),
        gold=write_gold(corpus, 8),
        gold_rate=0.25,
        num_practice=1,
    )
    files = read(corpus)
    assert report.num_utterances == len(utterance_ids(corpus)) - 8
    assert report.num_items == 4 * report.num_utterances
    assert report.num_tasks["practice"] == 4 * 9
    assert {item.gold_label for item in files.items} == {None, "sadness"}
    roles = {task.item_id: task.role for task in files.assignments}
    assert all(
        (i.gold_label is not None) == (roles[i.item_id] in (TaskRole.GOLD, TaskRole.PRACTICE)) for i in files.items
    )
    folder = corpus.layout.round_dir("pilot")
    assert {p.name for p in (folder / "templates").iterdir()} == {"full", "video", "voice", "text"}
    check_contract(files.campaign, folder, files.items, with_media=True)


def test_tasks_tell_a_rater_nothing_but_what_they_shall_judge(corpus: Corpus) -> None:
    create(corpus, conditions=tuple(Condition), raters=tuple(f"r{n}" for n in range(8)))
    files = read(corpus)
    items = {item.item_id: item for item in files.items}
    for task in files.assignments:
        item = items[task.item_id]
        data = build_task(files.campaign, item, task)
        assert set(data) == {
            "task_key",
            *{"full": ("video", "text"), "video": ("video",), "voice": ("audio",), "text": ("text",)}[item.condition],
        }
        told = json.dumps(data)
        assert item.utterance_id not in told
        assert not any(name in told for name in (*corpus.recording_ids(), task.role.value, task.rater_id))
        for key in {"video", "audio"} & set(data):
            assert (corpus.root / data[key]).is_file()


def test_clips_for_the_eye_have_no_sound_and_no_words_about_them(corpus: Corpus) -> None:
    create(corpus, conditions=(Condition.VIDEO, Condition.FULL), raters=("r1", "r2", "r3", "r4"))
    for item in read(corpus).items:
        assert item.media is not None
        with av.open(str(corpus.layout.round_dir("pilot") / item.media.path)) as clip:
            assert len(clip.streams.video) == 1
            if item.condition is Condition.VIDEO:
                assert not clip.streams.audio
                assert {"encoder", "creation_time", "title", "comment"}.isdisjoint(clip.metadata)
            assert sum(1 for _ in clip.decode(video=0)) == 20


def test_the_same_seed_gives_the_same_bytes(corpus: Corpus) -> None:
    create(corpus, seed=3, select="random:10")
    folder = corpus.layout.round_dir("pilot")
    before = contents(folder)
    folder.rename(corpus.root / "aside")
    create(corpus, seed=3, select="random:10")
    after = contents(folder)
    made_at = [json.loads(files.pop("round.json")) for files in (before, after)]
    assert before == after
    assert made_at[0]["contract"] == made_at[1]["contract"]


def test_a_round_is_never_made_twice(corpus: Corpus) -> None:
    create(corpus)
    before = contents(corpus.layout.round_dir("pilot"))
    with pytest.raises(AnnotationError, match="there is a round already"):
        create(corpus, seed=1)
    assert contents(corpus.layout.round_dir("pilot")) == before


@pytest.mark.parametrize(
    "name", ["items.jsonl", "assignments.jsonl", "templates/full/guidelines.md", "round.json", "media"]
)
def test_a_changed_round_is_noticed(corpus: Corpus, name: str) -> None:
    create(corpus)
    folder = corpus.layout.round_dir("pilot")
    path = folder / name if name != "media" else next((folder / "media").iterdir())
    if name == "round.json":
        path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    else:
        data = path.read_bytes()
        path.unlink()  # a linked clip must not change in the recording's folder
        # One row fewer in a table, which is still a table.
        path.write_bytes(data[: data[:-1].rindex(b"\n") + 1] if name.endswith(".jsonl") else data + b"\n")
    assert show_round(corpus, "pilot").breaches
    assert list_rounds(corpus)[0].state == "changed"


def test_nobody_meets_an_utterance_again_in_a_later_round(corpus: Corpus) -> None:
    create(corpus, raters=("r1", "r2", "r3", "r4"), per_item=1)
    create(corpus, "second", raters=("r1", "r2", "r3", "r4"), per_item=1, conditions=(Condition.VOICE,))
    met = [
        {(task.rater_id, task.item_id.rpartition("_")[0]) for task in read(corpus, name).assignments}
        for name in ("pilot", "second")
    ]
    assert not met[0] & met[1]


def test_everybody_having_met_everything_is_refused_unless_washed_out(corpus: Corpus) -> None:
    create(corpus, per_item=3)
    with pytest.raises(AnnotationError, match="earlier rounds leave as few as 0"):
        create(corpus, "second", per_item=3)
    create(corpus, "second", per_item=3, wash_out=())


def test_rounds_with_another_label_set_are_refused(corpus: Corpus) -> None:
    create(corpus)
    text = corpus.layout.config.read_text()
    corpus.layout.config.write_text(text.replace('"sadness"]', '"anger"]'))
    with pytest.raises(AnnotationError, match="different label sets cannot be mixed") as caught:
        create(Corpus.open(corpus.root), "second")
    assert "round pilot has" in str(caught.value)


def test_labels_of_rounds_with_another_label_set_are_not_mixed_in(corpus: Corpus) -> None:
    create(corpus)
    create(corpus, "other", wash_out=())
    path = corpus.layout.round_dir("other") / "round.json"
    path.write_text(path.read_text().replace('"sadness"', '"anger"'))
    with pytest.raises(CorpusError, match="different label sets cannot be mixed") as caught:
        read_labels(corpus)
    assert "round pilot has" in str(caught.value)


def test_votes_are_not_imported_into_a_frozen_round(corpus: Corpus) -> None:
    create(corpus)
    before = contents(corpus.layout.round_dir("pilot"))
    file = corpus.root / "votes.csv"
    file.write_text(f"utterance_id,rater_id,label\n{utterance_ids(corpus)[0]},r9,neutral\n")
    with pytest.raises(AnnotationError, match="round pilot was made by"):
        import_votes(corpus, file, round_id="pilot")
    assert contents(corpus.layout.round_dir("pilot")) == before


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"raters": ("r1", "ann@example.org")}, "rater number 2 is an e-mail address"),
        ({"raters": ()}, "no raters"),
        ({"select": "some"}, "is not understood"),
        ({"select": "random:999"}, "asks for 999 utterances; there are 24"),
        ({"select": "stratified:3"}, "needs predictions"),
        ({"conditions": tuple(Condition), "raters": ("r1", "r2", "r3")}, "need 8 raters"),
        ({"num_practice": 2}, "need known answers"),
        ({"repeat_rate": 0.5}, "repeat_rate"),
        ({"gold": "round:none"}, "no such round"),
        ({"template": "nothing"}, "no template 'nothing'"),
        ({"wash_out": ("nothing",)}, "names rounds that there are not"),
    ],
)
def test_impossible_requests_leave_nothing_behind(corpus: Corpus, options: dict[str, object], what: str) -> None:
    with pytest.raises(AnnotationError, match=what) as caught:
        create(corpus, **options)
    assert caught.value.cure
    assert "ann@example.org" not in str(caught.value)
    assert not corpus.layout.rounds.exists() or not list(corpus.layout.rounds.iterdir())


def test_a_missing_clip_is_named(corpus: Corpus) -> None:
    gone = next(corpus.layout.recordings.glob("*/media/*/clip.mp4"))
    gone.unlink()
    with pytest.raises(AnnotationError, match="media are missing") as caught:
        create(corpus)
    assert str(gone) in str(caught.value)


def test_selection_follows_earlier_votes(corpus: Corpus) -> None:
    ids = utterance_ids(corpus)
    file = corpus.root / "votes.csv"
    votes = [(0, "a", "neutral"), (0, "b", "neutral"), (1, "a", "neutral"), (1, "b", "sadness")]
    votes += [(2, r, "neutral") for r in "abc"] + [(2, "d", "sadness"), (2, "e", "sadness")]
    file.write_text("utterance_id,rater_id,label\n" + "".join(f"{ids[u]},{r},{label}\n" for u, r, label in votes))
    import_votes(corpus, file)
    for select, expected in {
        "unlabelled": set(ids) - {ids[0], ids[2]},
        "disagreed": {ids[1]},
        "low-margin:0.2": {ids[1], ids[2]},
    }.items():
        create(corpus, select.replace(":", "-"), select=select, wash_out=())
        assert {item.utterance_id for item in read(corpus, select.replace(":", "-")).items} == expected
    listed = corpus.root / "list.txt"
    listed.write_text(f"{ids[5]}\n{ids[6]}\n")
    assert create(corpus, "listed", select=f"list:{listed}", wash_out=()).num_utterances == 2
    predictions = corpus.root / "predictions.csv"
    predictions.write_text(
        "utterance_id,label\n" + "".join(f"{u},{'sadness' if n < 3 else 'neutral'}\n" for n, u in enumerate(ids))
    )
    create(corpus, "strata", select="stratified:6", predictions=predictions, wash_out=())
    chosen = {item.utterance_id for item in read(corpus, "strata").items}
    assert len(chosen & set(ids[:3])) == len(chosen - set(ids[:3])) == 3


def test_gold_of_a_round_is_what_it_agreed_on(corpus: Corpus) -> None:
    ids = utterance_ids(corpus)
    file = corpus.root / "votes.csv"
    votes = [(u, r, "happiness") for u in range(6) for r in "abcd"] + [(6, "a", "neutral"), (6, "b", "sadness")]
    file.write_text("utterance_id,rater_id,label\n" + "".join(f"{ids[u]},{r},{label}\n" for u, r, label in votes))
    import_votes(corpus, file, round_id="known")
    create(corpus, gold="round:known", gold_rate=0.25)
    files = read(corpus)
    gold = {task.item_id for task in files.assignments if task.role is TaskRole.GOLD}
    assert gold
    assert {item.utterance_id for item in files.items if item.item_id in gold} <= set(ids[:6])
    assert not {item.utterance_id for item in files.items if item.gold_label is None} & set(ids[:6])


@pytest.mark.slow
def test_killed_at_any_moment_there_is_a_whole_round_or_none(corpus: Corpus) -> None:
    command = [sys.executable, "-m", "sdme_tools.cli.main", "round", "create", str(corpus.root), "pilot"]
    command += ["--raters", "r1,r2,r3,r4", "--condition", "video", "--condition", "full", "--per-item", "2"]
    caught_at_work = 0
    for attempt in range(8):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if len(list(corpus.layout.rounds.glob(".tmp-*/media/*"))) >= 5 * attempt:
                break
            time.sleep(0.001)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            caught_at_work += 1
        process.wait()
        if corpus.rounds():
            break
        assert list_rounds(corpus) == []
    assert caught_at_work > 0
    if not corpus.rounds():
        subprocess.run(command, check=True, capture_output=True)
    assert show_round(corpus, "pilot", with_media=True).breaches == ()
    assert [path.name for path in corpus.layout.rounds.iterdir()] == ["pilot"]


def test_predictions_stand_in_regular_items_alone_and_only_if_they_are_to_be_shown(corpus: Corpus) -> None:
    predicted = corpus.root / "predicted.csv"
    predicted.write_text("utterance_id,label\n" + "".join(f"{name},happiness\n" for name in utterance_ids(corpus)))
    create(corpus, "blind", predictions=predicted, gold=write_gold(corpus, 6))
    assert not any(item.prediction for item in read(corpus, "blind").items)
    create(corpus, "told", predictions=predicted, show_predictions=True, gold=write_gold(corpus, 6), wash_out=())
    for item in read(corpus, "told").items:
        assert item.prediction == (None if item.gold_label else "happiness")
    predicted.write_text(f"utterance_id,label\n{utterance_ids(corpus)[0]},furious\n")
    with pytest.raises(AnnotationError, match="'furious'"):
        create(corpus, "wrong", predictions=predicted, show_predictions=True, wash_out=())
    with pytest.raises(AnnotationError, match="no predictions to show"):
        create(corpus, "none", show_predictions=True, wash_out=())
