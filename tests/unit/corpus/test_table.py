"""Tables are replaced whole or not at all, and say exactly what is wrong with them."""

import errno
import os
from pathlib import Path

import pytest

from sdme_tools.corpus.table import read_record, read_table, replacing, sweep_temporaries, write_record, write_table
from sdme_tools.errors import CorpusError
from sdme_tools.records.base import Source
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Transcript

SOURCE = Source(backend="test", version="1")


def transcript(number: int, text: str = "hello") -> Transcript:
    return Transcript(utterance_id=f"r_{number}_{number + 1}", text=text, source=SOURCE)


def test_rows_come_back_as_they_went(tmp_path: Path) -> None:
    rows = [
        transcript(1, "line\u2028separator \x85 next-line \n newline"),
        transcript(2, '"quotes" \\ ü 日本 🙂'),
        transcript(3, ""),
    ]
    write_table(tmp_path / "t.jsonl", rows)
    assert read_table(tmp_path / "t.jsonl", Transcript) == rows


def test_an_absent_table_and_an_empty_one_have_no_rows(tmp_path: Path) -> None:
    write_table(tmp_path / "t.jsonl", [])
    assert read_table(tmp_path / "t.jsonl", Transcript) == read_table(tmp_path / "absent.jsonl", Transcript) == []


def test_every_wrong_line_is_named_with_its_field(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_table(path, [transcript(1), transcript(2)])
    good = path.read_text(encoding="utf-8").splitlines()
    path.write_text(
        "\n".join([good[0], good[1].replace('"text":"hello"', '"text":7'), good[0][:20], '{"text":"x"}']) + "\n"
    )
    with pytest.raises(CorpusError) as caught:
        read_table(path, Transcript)
    message = str(caught.value)
    assert "line 2: text:" in message and "line 3" in message and "line 4: utterance_id" in message
    assert f"{path}, line 1:" not in message
    assert caught.value.cure


def test_a_failed_write_leaves_the_old_content_and_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_table(path, [transcript(1)])

    def rows():  # noqa: ANN202
        yield transcript(2)
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        write_table(path, rows())
    assert read_table(path, Transcript) == [transcript(1)]
    assert [p.name for p in tmp_path.iterdir()] == ["t.jsonl"]


def test_a_full_disk_is_told_with_its_cure_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_table(path, [transcript(1)])
    with pytest.raises(CorpusError, match="no space left") as caught, replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "free space" in str(caught.value)
    assert read_table(path, Transcript) == [transcript(1)]
    assert [p.name for p in tmp_path.iterdir()] == ["t.jsonl"]


def test_a_record_that_is_missing_or_torn_is_an_error_naming_the_file(tmp_path: Path) -> None:
    path = tmp_path / "span.json"
    with pytest.raises(CorpusError, match=r"span\.json"):
        read_record(path, Span)
    write_record(path, Span(start_ms=1, end_ms=2))
    assert read_record(path, Span) == Span(start_ms=1, end_ms=2)
    path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(CorpusError, match=r"span\.json"):
        read_record(path, Span)


def test_sweeping_removes_only_temporaries(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / ".tmp-9-clip.mp4").touch()
    (tmp_path / "media" / "clip.mp4").touch()
    sweep_temporaries(tmp_path)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["clip.mp4"]
