"""`sdme audit-splits` as a user types it: splits like MELD's fail, clean ones pass."""

import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sdme_tools.audit.splits import audit_splits
from sdme_tools.errors import ConfigError
from sdme_tools.release.build import build_release
from tests.unit.release.tiny_corpus import make_corpus, vote

NOUNS = ["".join(letters) for letters in product("bdgkl", "aeiou", "mnrst", "aou")]


def make_meld(folder: Path, *, by_file: bool = False) -> list[Path]:
    """A sitcom: six leads speak in every dialogue of every split, others in one; dialogues are divided, people not."""
    random = np.random.default_rng(0)
    sizes = {"train": 400, "dev": 50, "test": 100}
    lines: dict[str, list[str]] = {}
    number = 0
    for split, num_dialogues in sizes.items():
        lines[split] = []
        for dialogue in range(num_dialogues):
            number += 1
            for turn in range(10):
                lead = random.random() < 0.95
                speaker = f"Lead{random.integers(6)}" if lead else f"Guest{number}"
                text = " ".join(random.choice(NOUNS, 9)) if turn else "Oh my God!"
                lines[split].append(f'"{text}",{speaker},neutral,{dialogue if by_file else number}')
    header = "Utterance,Speaker,Emotion,Dialogue_ID"
    if by_file:
        for split, mine in lines.items():
            (folder / f"{split}.csv").write_text("\n".join([header, *mine]) + "\n")
        return [folder / f"{split}.csv" for split in sizes]
    rows = [f"{line},{split}" for split, mine in lines.items() for line in mine]
    (folder / "meld.csv").write_text("\n".join([f"{header},Split", *rows]) + "\n")
    return [folder / "meld.csv"]


def sdme(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sdme_tools.cli.main", "audit-splits", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_splits_like_melds_fail_with_their_figures(tmp_path: Path) -> None:
    done = sdme(*make_meld(tmp_path), "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["splits"] == {"train": 4000, "test": 1000, "dev": 500}
    leaks = {(leak["of"], leak["seen_in"], leak["again_in"]): leak for leak in found["leaks"]}
    assert set(leaks) == {("speaker", "train", "test"), ("speaker", "train", "dev"), ("speaker", "test", "dev")}
    leak = leaks["speaker", "train", "test"]
    text = (tmp_path / "meld.csv").read_text()
    expected = sum(line.endswith(",test") and ",Lead" in line for line in text.splitlines())
    assert (leak["num_values"], leak["num_rows"], leak["num_rows_all"]) == (6, expected, 1000)
    assert expected > 900
    told = sdme(tmp_path / "meld.csv")
    assert told.returncode == 1
    assert f"{expected} of 1000 rows of test ({expected / 1000:.1%}) share their speaker with train" in told.stdout
    assert "no recording is shared" in told.stderr
    assert sdme(tmp_path / "meld.csv", "--allow", "speaker").returncode == 0


def test_a_table_for_each_split_whose_numbers_begin_anew(tmp_path: Path) -> None:
    found = audit_splits(make_meld(tmp_path, by_file=True), {})
    assert {leak.of for leak in found.leaks} == {"speaker"}
    assert set(found.splits) == {"train", "dev", "test"}
    assert any(note.startswith("recording numbers begin anew") for note in found.skipped)


def test_texts_that_are_nearly_the_same_are_found(tmp_path: Path) -> None:
    table = tmp_path / "t.tsv"
    table.write_text(
        "who\tpart\ttext\tsession\n"
        "a\ttrain\tI never said that she took my money.\t1\n"
        "a\ttrain\tyes\t1\n"
        "b\ttest\tI never said that she took all of the money\t2\n"
        "b\ttest\tYes!\t1\n"
        "c\t\tnowhere\t9\n"
    )
    found = audit_splits([table], {"speaker": "who", "split": "part"})
    assert [(leak.of, leak.num_values, leak.num_rows) for leak in found.leaks] == [("session", 1, 1)]
    table.write_text(table.read_text().replace("all of the", "me"))
    leaks = audit_splits([table], {"speaker": "who", "split": "part"}).leaks
    assert [(leak.of, leak.num_rows, leak.examples[0]) for leak in leaks][1] == (
        "text",
        1,
        "I never said that she took my money.",
    )
    assert any("1 rows have no split" in note for note in audit_splits([table], {"split": "part"}).skipped)


def test_parquet_and_releases_are_read(tmp_path: Path) -> None:
    table = pa.table({"speaker": ["a", "b", "b"], "fold": [0, 0, 1], "wav": pa.array([b"x", b"y", b"z"], pa.binary())})
    pq.write_table(table, tmp_path / "t.parquet")
    (leak,) = audit_splits([tmp_path / "t.parquet"], {}).leaks
    assert (leak.of, leak.seen_in, leak.again_in, leak.examples) == ("speaker", "0", "1", ("b",))
    corpus = make_corpus(tmp_path / "corpus")
    vote(corpus, tmp_path / "votes.csv")
    found = audit_splits([build_release(corpus, "1.0.0").folder], {})
    assert {leak.of for leak in found.leaks} == {"session"}
    assert found.columns["speaker"] == "speaker_id"


def test_what_cannot_be_audited_is_told(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("speaker,text\na,b\n")
    with pytest.raises(ConfigError, match="no column for splits"):
        audit_splits([table], {})
    with pytest.raises(ConfigError, match="no column 'who'"):
        audit_splits([table], {"speaker": "who"})
    table.write_text("speaker,split\na,train\nb,train\n")
    with pytest.raises(ConfigError, match="2 rows in 1 split"):
        audit_splits([table], {})
    with pytest.raises(ConfigError, match="no release"):
        audit_splits([tmp_path], {})
    done = sdme(tmp_path / "none.csv")
    assert done.returncode == 1 and done.stderr.startswith("error: ") and "Traceback" not in done.stderr
