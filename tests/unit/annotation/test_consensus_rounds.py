"""`sdme consensus` on rounds and files: the method stays the round's, doubt stays in the row."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sdme_tools.annotation.consensus import derive_consensus
from sdme_tools.annotation.consensus_rounds import decide_file, decide_round, make_rule, write_rows
from sdme_tools.annotation.rounds import import_votes
from sdme_tools.cli.main import cli
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table, write_record, write_table
from sdme_tools.errors import AnnotationError, CorpusError, SdmeError
from sdme_tools.records.annotation import (
    Annotation,
    Condition,
    Consensus,
    ConsensusMethod,
    ConsensusRule,
    Item,
    Round,
    TaskRole,
)
from tests.unit.release.tiny_corpus import make_corpus, utterance_ids

HEADER = "utterance_id,rater_id,label\n"
SHORT = {"n": "neutral", "h": "happiness", "s": "sadness", "?": "cannot tell"}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return make_corpus(tmp_path / "corpus")


def import_said(corpus: Corpus, said: list[str], *, first: int = 0, round_id: str = "import") -> None:
    """'nnh' on the first utterance: raters `first`, first + 1, … say neutral, neutral, happiness."""
    lines = [
        f"{name},r{first + n},{SHORT[letter]}\n"
        for name, letters in zip(utterance_ids(corpus), said, strict=False)
        for n, letter in enumerate(letters)
    ]
    file = corpus.root / "votes.csv"
    file.write_text(HEADER + "".join(lines))
    import_votes(corpus, file, round_id=round_id)


def rows_of(corpus: Corpus, round_id: str = "import") -> list[Consensus]:
    return read_table(corpus.layout.round_dir(round_id) / "consensus.jsonl", Consensus)


def test_majority_asks_for_more_than_half(corpus: Corpus) -> None:
    import_said(corpus, ["nnh", "nnhs", "nnhh", "??n", "nh"])
    assert [row.reason for row in rows_of(corpus)] == ["majority", "majority", "tie", "cannot_tell", "tie"]
    report = decide_round(corpus, None, rule=make_rule(ConsensusMethod.MAJORITY))
    rows = rows_of(corpus)
    assert [row.reason for row in rows] == ["majority", "no_agreement", "tie", "cannot_tell", "tie"]
    assert [row.label for row in rows] == ["neutral", None, None, None, None]
    assert (report.num_items, report.num_changed) == (5, 1)
    (full,) = report.conditions
    assert sum(full.outcomes.values()) == full.num_items == 5
    assert all(row.method == "majority" and row.parameters for row in rows)


@pytest.mark.parametrize("method", list(ConsensusMethod))
def test_every_row_keeps_its_votes_and_posterior(corpus: Corpus, method: ConsensusMethod) -> None:
    said = ["nnh", "hhn", "ssn", "??n", "nhs", "s"]
    import_said(corpus, said)
    gold = {utterance_ids(corpus)[0]: "neutral"} if method is ConsensusMethod.WEIGHTED else None
    decide_round(corpus, "import", rule=make_rule(method), gold=gold)
    rows = rows_of(corpus)
    assert len(rows) == len(said)
    for row, letters in zip(rows, said, strict=True):
        assert row.distribution == {name: letters.count(short) for short, name in SHORT.items()}
        assert list(row.posterior) == list(row.distribution)
        assert sum(row.posterior.values()) == pytest.approx(1, abs=1e-5)
        assert row.method == method


def test_later_votes_are_decided_by_the_chosen_method(corpus: Corpus) -> None:
    import_said(corpus, ["nnhs", "nnn"])
    decide_round(corpus, "import", rule=make_rule(ConsensusMethod.MAJORITY))
    import_said(corpus, ["", "", "hhns"])
    assert [(row.label, row.method) for row in rows_of(corpus)] == [
        (None, "majority"),
        ("neutral", "majority"),
        (None, "majority"),
    ]
    import_said(corpus, ["nnhs"], round_id="second")
    assert rows_of(corpus, "second")[0].label == "neutral"


def test_gold_stays_the_rounds_too(corpus: Corpus) -> None:
    ids = utterance_ids(corpus)
    import_said(corpus, ["nnh"] * 3 + ["hhs"])
    gold = dict.fromkeys(ids[:3], "happiness")
    decide_round(corpus, "import", rule=make_rule(ConsensusMethod.WEIGHTED), gold=gold)
    assert rows_of(corpus)[3].label == "sadness"  # the third rater alone knew
    import_said(corpus, [""] * 4 + ["nnh"])
    assert rows_of(corpus)[4].label == "happiness"


def test_gold_items_of_the_round_itself(corpus: Corpus) -> None:
    campaign = Round(round_id="r", labels=("a", "b"), cannot_tell="?", origin="label_studio")
    items = [
        Item(item_id="g_full", round_id="r", utterance_id="g", condition=Condition.FULL, gold_label="b"),
        Item(item_id="u_full", round_id="r", utterance_id="u", condition=Condition.FULL),
    ]
    votes = [
        Annotation(item_id=f"{name}_full", rater_id=rater, label=label, role=role)
        for rater, label in (("x", "a"), ("y", "a"), ("z", "b"))
        for name, role in (("g", TaskRole.GOLD), ("u", TaskRole.REGULAR))
    ]
    (row,) = derive_consensus(campaign, items, votes, ConsensusRule(method=ConsensusMethod.WEIGHTED))
    assert (row.utterance_id, row.label, row.num_raters) == ("u", "b", 3)


@pytest.mark.parametrize("role", [TaskRole.GOLD, TaskRole.REPEAT, TaskRole.PRACTICE, TaskRole.DECOY])
@pytest.mark.parametrize("method", [ConsensusMethod.PLURALITY, ConsensusMethod.DAWID_SKENE])
def test_only_regular_votes_count(role: TaskRole, method: ConsensusMethod) -> None:
    campaign = Round(round_id="r", labels=("a", "b"), cannot_tell="?", origin="label_studio")
    item = Item(item_id="u_full", round_id="r", utterance_id="u", condition=Condition.FULL)
    vote = Annotation(item_id="u_full", rater_id="x", label="a")
    others = [Annotation(item_id="u_full", rater_id=f"y{k}", label="b", role=role) for k in range(5)]
    rule = ConsensusRule(method=method)
    assert derive_consensus(campaign, [item], [vote, *others], rule) == derive_consensus(campaign, [item], [vote], rule)
    assert derive_consensus(campaign, [item], others, rule) == []


def test_a_label_in_doubt_is_none(corpus: Corpus) -> None:
    import_said(corpus, ["nnn", "hhh", "sss", "nhs"])
    decide_round(corpus, "import", rule=make_rule(ConsensusMethod.DAWID_SKENE, min_posterior=1.0))
    assert all(row.label is None for row in rows_of(corpus))
    assert {row.reason for row in rows_of(corpus)} <= {"no_agreement", "tie"}


def test_faults_are_told_and_nothing_changes(corpus: Corpus) -> None:
    with pytest.raises(AnnotationError, match="has no rounds") as caught:
        decide_round(corpus, None)
    assert "sdme votes import" in (caught.value.cure or "")
    import_said(corpus, ["nn"])
    before = rows_of(corpus)
    with pytest.raises(AnnotationError, match="no such round") as caught:
        decide_round(corpus, "pilot")
    assert "import" in (caught.value.cure or "")
    weighted = make_rule(ConsensusMethod.WEIGHTED)
    with pytest.raises(AnnotationError, match="nobody voted on a gold item"):
        decide_round(corpus, "import", rule=weighted)
    with pytest.raises(AnnotationError, match="no item of the round"):
        decide_round(corpus, "import", rule=weighted, gold={"elsewhere": "neutral"})
    with pytest.raises(AnnotationError, match="does not have"):
        decide_round(corpus, "import", rule=weighted, gold={utterance_ids(corpus)[0]: "joy"})
    with corpus.hold(), pytest.raises(CorpusError, match="another process"):
        decide_round(corpus, "import", rule=make_rule(ConsensusMethod.MAJORITY))
    assert rows_of(corpus) == before
    assert not corpus.layout.consensus_rule("import").exists()
    import_said(corpus, ["nn"], round_id="second")
    with pytest.raises(AnnotationError, match="several rounds"):
        decide_round(corpus, None)


def test_killed_between_rule_and_labels(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    from sdme_tools.annotation import consensus_rounds

    import_said(corpus, ["nnhs"])

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(consensus_rounds, "write_table", die)
    with pytest.raises(KeyboardInterrupt):
        decide_round(corpus, "import", rule=make_rule(ConsensusMethod.MAJORITY))
    monkeypatch.undo()
    decide_round(corpus, "import")
    assert rows_of(corpus)[0].reason == "no_agreement"


def test_rows_of_an_older_corpus_are_read(corpus: Corpus) -> None:
    import_said(corpus, ["nn"])
    path = corpus.layout.round_dir("import") / "consensus.jsonl"
    old = json.loads(path.read_text())
    del old["posterior"], old["parameters"]
    path.write_text(json.dumps(old | {"method": "simple_majority"}) + "\n")
    assert rows_of(corpus)[0].label == "neutral"


def test_a_file_of_votes(tmp_path: Path) -> None:
    file = tmp_path / "votes.csv"
    file.write_text(
        "utterance_id;rater_id;label;condition;speaker_id\n"
        + "".join(f"clip1;r{k};{label};voice;s1\n" for k, label in enumerate(["b", "b", "=a"]))
        + "clip2;r0;?;full;s2\n"
    )
    report, rows = decide_file(file, make_rule(ConsensusMethod.PLURALITY), cannot_tell="?")
    assert [(row.utterance_id, row.label, row.reason) for row in rows] == [
        ("clip1", "b", "majority"),
        ("clip2", None, "cannot_tell"),
    ]
    assert {c.condition: c.num_labelled for c in report.conditions} == {"full": 0, "voice": 1}
    write_rows(tmp_path / "labels.csv", rows)
    with (tmp_path / "labels.csv").open() as written:
        first, second = csv.DictReader(written)
    assert first["label"] == "b" and first["votes b"] == "2" and first["posterior =a"] == "0.333333"
    assert second["label"] == "" and second["reason"] == "cannot_tell"


def test_a_file_with_faults(tmp_path: Path) -> None:
    file = tmp_path / "votes.csv"
    file.write_text("utterance_id,rater_id,label,speaker_id\nu1,r1,a,s1\nu1,r2,a,s2\n")
    with pytest.raises(AnnotationError, match="is 's1''s and 's2''s"):
        decide_file(file, make_rule(ConsensusMethod.PLURALITY), cannot_tell="?")
    with pytest.raises(AnnotationError, match="not one of"):
        decide_file(file, make_rule(ConsensusMethod.PLURALITY), cannot_tell="?", labels=("b", "c"))


def test_the_command(corpus: Corpus) -> None:
    import_said(corpus, ["nnhs", "hh"])
    done = CliRunner().invoke(cli, ["consensus", str(corpus.root), "--method", "majority", "--json"])
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert (told["method"], told["num_changed"]) == ("majority", 1)
    done = CliRunner().invoke(cli, ["consensus", str(corpus.root)])
    assert "no agreement" in done.stdout and "decided by majority" in done.stderr
    done = CliRunner().invoke(cli, ["consensus", str(corpus.root), "--out", "x.csv"])
    assert done.exit_code == 2
    done = CliRunner().invoke(cli, ["consensus", str(corpus.root), "--min-posterior", "0.7"])
    assert done.exit_code == 2
    done = CliRunner().invoke(cli, ["consensus", str(corpus.root), "pilot"])
    assert isinstance(done.exception, SdmeError)


def test_adjudication_rounds_need_no_special_rule(corpus: Corpus) -> None:
    folder = corpus.layout.round_dir("adjudicated")
    name = utterance_ids(corpus)[0]
    write_record(
        folder / "round.json",
        Round(round_id="adjudicated", labels=corpus.config.corpus.labels, cannot_tell="?", origin="adjudication"),
    )
    item = Item(item_id=f"{name}_full", round_id="adjudicated", utterance_id=name, condition=Condition.FULL)
    write_table(folder / "items.jsonl", [item])
    write_table(folder / "annotations.jsonl", [Annotation(item_id=item.item_id, rater_id="j", label="sadness")])
    decide_round(corpus, "adjudicated")
    assert rows_of(corpus, "adjudicated")[0].label == "sadness"
