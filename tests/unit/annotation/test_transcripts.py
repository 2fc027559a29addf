"""Transcripts corrected by people: out, edited, in again, and kept through a re-run."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdme_tools.annotation.edit_files import COLUMNS
from sdme_tools.annotation.transcripts import export_transcripts, import_transcripts
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.lineage import explain_utterance
from sdme_tools.corpus.sheets import guard, unguard
from sdme_tools.corpus.table import write_table
from sdme_tools.errors import AnnotationError, CorpusError
from sdme_tools.records.utterance import Transcript
from sdme_tools.records.wording import TranscriptEdit
from sdme_tools.release.build import build_release
from sdme_tools.stages.status import summarise_corpus
from tests.unit.release.tiny_corpus import make_corpus, vote

FIRST = "tea_0_800"
MACHINE = "turn 0, « ça va »!"
HARD = '=HYPERLINK("x"); <b> & a --> b, „日本" it\'s -1'


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return make_corpus(tmp_path / "corpus")


def write_csv(path: Path, rows: list[dict[str, str]], *, encoding: str = "utf-8-sig", delimiter: str = ",") -> Path:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(buffer.getvalue().encode(encoding))
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def exported(corpus: Corpus, tmp_path: Path, form: str = "csv") -> Path:
    folder = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
    export_transcripts(corpus, folder, form=form)  # type: ignore[arg-type]
    return folder / ("transcripts.csv" if form == "csv" else "tea.vtt")


def edit(file: Path, utterance_id: str, text: str) -> Path:
    """Change one text as a spreadsheet or an editor of subtitles would."""
    if file.suffix == ".csv":
        rows = read_csv(file)
        next(row for row in rows if row["utterance_id"] == utterance_id)["text"] = text
        return write_csv(file, rows)
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    blocks = file.read_text(encoding="utf-8").split("\n\n")
    at = next(i for i, block in enumerate(blocks) if block.startswith(f"{utterance_id}\n"))
    name, times, _ = blocks[at].split("\n", 2)
    blocks[at] = f"{name}\n{times}\n<v somebody>{escaped}"
    file.write_text("\n\n".join(blocks), encoding="utf-8")
    return file


def edits(corpus: Corpus, recording_id: str = "tea") -> dict[str, str]:
    return {row.utterance_id: row.text for row in corpus.read(recording_id, TranscriptEdit)}


def transcribe_anew(corpus: Corpus, text: str) -> None:
    rows = corpus.read("tea", Transcript)
    changed = [row.model_copy(update={"text": text}) if row.utterance_id == FIRST else row for row in rows]
    write_table(corpus.layout.table("tea", "transcripts"), changed)


@pytest.mark.parametrize("form", ["csv", "vtt"])
def test_an_unchanged_file_makes_no_edit_and_a_changed_line_makes_one(
    corpus: Corpus, tmp_path: Path, form: str
) -> None:
    file = exported(corpus, tmp_path, form)
    assert import_transcripts(corpus, [file]).num_new == 0
    assert not corpus.layout.table("tea", "transcript_edits").exists()
    report = import_transcripts(corpus, [edit(file, FIRST, HARD)], editor="e01")
    assert (report.num_new, report.num_unchanged) == (1, report.num_lines - 1)
    assert edits(corpus) == {FIRST: HARD}
    before = corpus.layout.table("tea", "transcript_edits").read_bytes()
    assert import_transcripts(corpus, [file], editor="e02").num_unchanged == report.num_lines
    assert corpus.layout.table("tea", "transcript_edits").read_bytes() == before
    again = exported(corpus, tmp_path, form)
    assert import_transcripts(corpus, [again]).num_unchanged == report.num_lines
    assert import_transcripts(corpus, [edit(again, FIRST, MACHINE)]).num_removed == 1
    assert edits(corpus) == {}


def test_edits_count_downstream_and_both_texts_are_shown(corpus: Corpus, tmp_path: Path) -> None:
    import_transcripts(corpus, [edit(exported(corpus, tmp_path), "tea_3000_3800", "What a day")], editor="e01")
    wording = explain_utterance(corpus, "tea_3000_3800").wording
    assert wording is not None and (wording.text, wording.machine_text) == ("What a day", "turn 3, « ça va »!")
    vote(corpus, tmp_path / "votes.csv")
    import pyarrow.parquet as pq

    folder = build_release(corpus, "1.0.0").folder
    rows = [row for path in (folder / "data").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    texts = {row["utterance_id"]: (row["text"], row["text_edited"]) for row in rows}
    assert texts["tea_3000_3800"] == ("What a day", True)
    assert texts["tea_4000_4800"] == ("turn 4, « ça va »!", False)


def test_a_rerun_leaves_edits_alone_and_a_changed_machine_text_is_told(corpus: Corpus, tmp_path: Path) -> None:
    old = exported(corpus, tmp_path)
    import_transcripts(corpus, [edit(old, FIRST, "Mine.")])
    transcribe_anew(corpus, "heard anew")
    assert edits(corpus) == {FIRST: "Mine."}
    assert summarise_corpus(corpus).transcript_edits == {"outdated": 1}
    wording = explain_utterance(corpus, FIRST).wording
    assert wording is not None and wording.is_outdated and wording.text == "Mine."
    new = exported(corpus, tmp_path)
    row = next(row for row in read_csv(new) if row["utterance_id"] == FIRST)
    assert (row["machine_text"], row["doubts"]) == ("heard anew", "machine_text_changed")
    assert import_transcripts(corpus, [new]).outdated == (FIRST,)
    assert import_transcripts(corpus, [new], confirm=True).outdated == ()
    assert summarise_corpus(corpus).transcript_edits == {"in force": 1}


def test_a_file_from_before_a_rerun_makes_no_edits_of_the_machines_old_texts(corpus: Corpus, tmp_path: Path) -> None:
    old = exported(corpus, tmp_path, "vtt")
    transcribe_anew(corpus, "heard anew")
    assert import_transcripts(corpus, [old]).num_new == 0
    report = import_transcripts(corpus, [edit(old, FIRST, "Mine.")])
    assert (report.num_new, report.outdated) == (1, (FIRST,))


def test_edits_of_an_utterance_that_is_no_more_are_kept_and_counted(corpus: Corpus, tmp_path: Path) -> None:
    import_transcripts(corpus, [edit(exported(corpus, tmp_path), FIRST, "Mine.")])
    for table in ("utterances", "transcripts"):
        path = corpus.layout.table("tea", table)
        path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    assert summarise_corpus(corpus).transcript_edits == {"orphaned": 1}
    import_transcripts(corpus, [edit(exported(corpus, tmp_path), "tea_1000_1800", "Other.")])
    assert edits(corpus) == {FIRST: "Mine.", "tea_1000_1800": "Other."}


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_sheet_of_ones_own_with_two_columns(corpus: Corpus, tmp_path: Path, delimiter: str, encoding: str) -> None:
    rows = [
        {"text": "", "note": "x", "utterance_id": FIRST},
        {"text": "'=1", "note": "", "utterance_id": "tea_1000_1800"},
    ]
    report = import_transcripts(corpus, [write_csv(tmp_path / "own.csv", rows, encoding=encoding, delimiter=delimiter)])
    assert (report.num_new, report.num_emptied) == (2, 1)
    assert edits(corpus) == {FIRST: "", "tea_1000_1800": "=1"}


def test_everything_wrong_is_told_at_once_and_nothing_is_written(corpus: Corpus, tmp_path: Path) -> None:
    write_table(corpus.layout.table("dinner", "transcripts"), [])
    good = edit(exported(corpus, tmp_path), FIRST, "Mine.")
    rows = [
        {"utterance_id": "tea_7_8", "text": "a"},
        {"utterance_id": "tea_9_10", "text": "a"},
        {"utterance_id": FIRST, "text": "Yours."},
        {"utterance_id": "dinner_0_800", "text": "a"},
    ]
    with pytest.raises(AnnotationError) as caught:
        import_transcripts(corpus, [good, write_csv(tmp_path / "bad.csv", rows)])
    for part in ("'tea_7_8'", "'tea_9_10'", "bad.csv, line 4", "another text", "dinner_0_800 has no transcript yet"):
        assert part in caught.value.what
    broken = tmp_path / "broken.vtt"
    broken.write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nno identifier\n", encoding="utf-8")
    latin = tmp_path / "latin.csv"
    latin.write_bytes("utterance_id,text\ntea_0_800,Grüße\n".encode("latin-1"))
    no_column = write_csv(tmp_path / "no_column.csv", [{"utterance_id": FIRST, "Text": "a"}])
    quote = tmp_path / "quote.csv"
    quote.write_text('utterance_id,text\ntea_0_800,"a\n', encoding="utf-8")
    cells = tmp_path / "cells.csv"
    cells.write_text("utterance_id,text\ntea_0_800,a,b\n,c\n", encoding="utf-8")
    with pytest.raises(AnnotationError) as caught:
        import_transcripts(corpus, [good, broken, latin, no_column, quote, cells, tmp_path / "gone.csv", tmp_path])
    said = caught.value.what
    for part in (
        "broken.vtt", "no identifier", "latin.csv, line 2", "'text' is missing", "quotation mark", "got 3 cells",
        "utterance_id is empty", "gone.csv: cannot be read",
    ):  # fmt: skip
        assert part in said, part
    assert edits(corpus) == {} and caught.value.cure


def test_an_export_never_overwrites_what_people_may_have_edited(corpus: Corpus, tmp_path: Path) -> None:
    export_transcripts(corpus, tmp_path / "out")
    with pytest.raises(AnnotationError, match=r"transcripts\.csv"):
        export_transcripts(corpus, tmp_path / "out")
    first = (tmp_path / "out" / "transcripts.csv").read_bytes()
    export_transcripts(corpus, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "transcripts.csv").read_bytes() == first


def test_unknown_recordings_editors_and_an_empty_corpus(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="brunch"):
        export_transcripts(corpus, tmp_path / "out", recording_ids=["tea", "brunch"])
    with pytest.raises(AnnotationError, match="Ann Lee"):
        import_transcripts(corpus, [exported(corpus, tmp_path)], editor="Ann Lee")
    empty = Corpus.create(tmp_path / "empty")
    with pytest.raises(AnnotationError, match="no transcripts"):
        export_transcripts(empty, tmp_path / "out2")


@given(st.text())
def test_no_cell_is_a_formula_and_every_cell_comes_back(text: str) -> None:
    assert unguard(guard(text)) == text
    assert not guard(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_the_columns_are_those_that_are_written(corpus: Corpus, tmp_path: Path) -> None:
    assert tuple(read_csv(exported(corpus, tmp_path))[0]) == COLUMNS
