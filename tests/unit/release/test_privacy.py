"""A release tells of people only what it is meant to: pseudonyms, texts without names, nobody's voice unasked."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.table import write_table
from sdme_tools.errors import ConfigError, CorpusError, ReleaseError
from sdme_tools.records.utterance import Clip, Transcript, Utterance
from sdme_tools.release.build import build_release
from sdme_tools.release.scrub import Scrubber
from sdme_tools.withdrawal.plan import Wish
from sdme_tools.withdrawal.withdraw import plan_withdrawal, withdraw
from tests.unit.release.tiny_corpus import DYADS, make_corpus, vote

KEY = "a key of tests"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDME_CORPUS_KEY", KEY)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    corpus = make_corpus(tmp_path / "corpus")
    vote(corpus, tmp_path / "votes.csv")
    return corpus


def rows_of(folder: Path, configuration: str = "data") -> list[dict[str, object]]:
    return [row for path in sorted((folder / configuration).glob("*")) for row in pq.read_table(path).to_pylist()]


def everything_in(folder: Path) -> Iterator[bytes]:
    """Names, bytes, and what is packed in Parquet."""
    for path in sorted(folder.rglob("*")):
        yield str(path.relative_to(folder)).encode()
        if path.is_file():
            yield path.read_bytes()
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            yield repr(table.to_pylist()).encode() + repr(table.schema.metadata).encode()


@pytest.mark.parametrize("file_format", ["parquet", "webdataset", "folders"])
def test_pseudonyms_stand_for_every_id(corpus: Corpus, file_format: str) -> None:
    folder = build_release(corpus, "1.0.0", {"pseudonyms": True, "format": file_format}).folder
    ids = [*DYADS, *(name for pair in DYADS.values() for name in pair), "evening", KEY, str(corpus.root)]
    words = re.compile(
        rb"(?<![A-Za-z0-9])(" + b"|".join(re.escape(name.encode()) for name in ids) + rb")(?![A-Za-z0-9])"
    )
    assert [match for piece in everything_in(folder) for match in words.findall(piece)] == []


def test_pseudonyms_join_what_belongs_together(corpus: Corpus) -> None:
    plain = rows_of(build_release(corpus, "1.0.0", {"seed": 1}).folder)
    built = build_release(corpus, "2.0.0", {"pseudonyms": True})
    hidden = rows_of(built.folder)
    voices = {row["voice"]["bytes"]: row for row in plain}  # type: ignore[index]
    pairs = {(voices[row["voice"]["bytes"]]["speaker_id"], row["speaker_id"]) for row in hidden}  # type: ignore[index]
    assert len(pairs) == len(plain) // 4 == 6
    assert len({row["recording_id"] for row in hidden}) == 3
    assert {str(row["utterance_id"])[0] + str(row["speaker_id"])[0] for row in hidden} == {"up"}
    assert built.manifest.pseudonym_key and KEY not in built.manifest.model_dump_json()
    votes = rows_of(built.folder, "annotations")
    assert {vote["utterance_id"] for vote in votes} == {row["utterance_id"] for row in hidden}
    assert len(votes) == 72


def test_the_same_key_gives_the_same_pseudonyms_and_another_is_refused(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rows_of(build_release(corpus, "1.0.0", {"pseudonyms": True}).folder)
    again = rows_of(build_release(corpus, "1.0.1", {"pseudonyms": True}).folder)
    assert first == again
    monkeypatch.setenv("SDME_CORPUS_KEY", "another")
    with pytest.raises(ReleaseError, match="another key than the present one"):
        build_release(corpus, "1.0.2", {"pseudonyms": True})


def test_a_lost_key_is_not_replaced(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SDME_CORPUS_KEY")
    monkeypatch.setenv("SDME_KEYS", str(tmp_path / "keys"))
    build_release(corpus, "1.0.0", {"pseudonyms": True})
    monkeypatch.setenv("SDME_KEYS", str(tmp_path / "elsewhere"))
    with pytest.raises(CorpusError, match="the key of this corpus is not there"):
        build_release(corpus, "1.0.1", {"pseudonyms": True})


def test_people_keep_their_split_when_pseudonyms_begin_and_cannot_when_they_end(corpus: Corpus) -> None:
    plain = rows_of(build_release(corpus, "1.0.0").folder)
    hidden = rows_of(build_release(corpus, "2.0.0", {"pseudonyms": True, "seed": 7}).folder)
    before = {row["voice"]["bytes"]: row["split"] for row in plain}  # type: ignore[index]
    assert all(before[row["voice"]["bytes"]] == row["split"] for row in hidden)  # type: ignore[index]
    assert len({row["split"] for row in hidden}) == 3
    with pytest.raises(ReleaseError, match="nobody would keep their split"):
        build_release(corpus, "3.0.0")


def test_a_withdrawal_finds_people_in_pseudonymous_releases(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, file_format in enumerate(("parquet", "webdataset", "folders")):
        build_release(corpus, f"{1 + number}.0.0", {"pseudonyms": True, "format": file_format})
    (corpus.layout.participants).write_text(
        "participant_id,consent\n"
        + "".join(
            f"{name},{'none' if name in DYADS['dinner'] else 'public'}\n" for pair in DYADS.values() for name in pair
        )
    )
    half = {"splits": {"train": 0.5, "test": 0.5}, "keep_splits": False}
    build_release(corpus, "4.0.0", {"pseudonyms": True, **half})
    with monkeypatch.context() as elsewhere, pytest.raises(CorpusError, match=r"version 1\.0\.0 cannot be told"):
        elsewhere.setenv("SDME_CORPUS_KEY", "another")
        plan_withdrawal(corpus, Wish("bob"))
    plan = plan_withdrawal(corpus, Wish("bob"))
    assert [release.version for release in plan.releases] == ["1.0.0", "2.0.0", "3.0.0"], "he is not in 4.0.0"
    withdraw(corpus, plan)
    assert [path.name for path in corpus.layout.releases.iterdir()] == ["4.0.0"]


def say(corpus: Corpus, name: str, texts: dict[int, str]) -> None:
    rows = corpus.read(name, Transcript)
    rows = [row.model_copy(update={"text": texts.get(place, row.text)}) for place, row in enumerate(rows)]
    write_table(corpus.layout.table(name, TABLE_NAMES[Transcript]), rows)


def test_names_are_scrubbed_from_every_text_and_counted(corpus: Corpus, tmp_path: Path) -> None:
    say(corpus, "dinner", {0: "Ask Zoë and ZOE\u0308", 1: "Mary  Ann-Smith left, Annabel stayed", 2: "nothing"})
    (tmp_path / "names.txt").write_text("# participants\nzoë\n\nMary Ann Smith\n", encoding="utf-8")
    settings = {"scrub": "../names.txt"}
    built = build_release(corpus, "1.0.0", settings)
    for configuration in ("data", "tabular"):
        texts = {row["text"] for row in rows_of(built.folder, configuration)}
        assert {"Ask [name] and [name]", "[name] left, Annabel stayed", "nothing"} <= texts
    assert built.manifest.num_names_scrubbed == 3
    pieces = list(everything_in(built.folder))
    assert not any("zoë".encode() in p.lower() or b"Mary" in p or b"names.txt" in p for p in pieces)
    assert build_release(corpus, "1.1.0").manifest.num_names_scrubbed is None


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (["Ann"], "Ann's annual ann, ANN! Annie", "[name]'s annual [name], [name]! Annie"),
        (["Weiß"], "Frau WEISS und weiss, Weißer", "Frau [name] und [name], Weißer"),
        (["de la Cruz", "Cruz"], "De  La\tCruz, cruz", "[name], [name]"),
        (["Jean-Luc"], "Jean Luc und jean-luc", "[name] und [name]"),
        (["田中"], "田中さんは山田中に", "[name]さんは山[name]に"),
        (["Müller"], "mu\u0308ller Müllerin", "[name] Müllerin"),
        (["Анна"], "анна и Аннам", "[name] и Аннам"),
        (["O'Neil"], "o'neil", "[name]"),
        (["a.b"], "aXb a.b", "aXb [name]"),
        (["İpek"], "İPEK geldi", "[name] geldi"),
        ([], "Ann", "Ann"),
    ],
)
def test_names_are_whole_words_in_any_writing(names: list[str], text: str, expected: str) -> None:
    assert Scrubber(names).scrub(text) == (expected, expected.count("[name]"))


@pytest.mark.parametrize(
    ("where", "content", "match"),
    [
        ("names.txt", b"Ann\n", "lies in the corpus"),
        ("../none.txt", None, "cannot be read"),
        ("../names.txt", b"\xff\xfe", "cannot be read"),
        ("../names.txt", b"# nobody\n\n ,\n", "holds no names"),
    ],
)
def test_a_list_that_cannot_be_used_stops_the_release(
    corpus: Corpus, where: str, content: bytes | None, match: str
) -> None:
    if content is not None:
        (corpus.root / where).write_bytes(content)
    with pytest.raises(ConfigError, match=match):
        build_release(corpus, "1.0.0", {"scrub": where})
    assert not corpus.layout.release_dir("1.0.0").exists()


def overlap(corpus: Corpus, name: str, place: int) -> str:
    """Have another voice speak under an utterance."""
    rows = corpus.read(name, Utterance)
    rows[place] = rows[place].model_copy(update={"overlap_ms": 200})
    write_table(corpus.layout.table(name, TABLE_NAMES[Utterance]), rows)
    return rows[place].utterance_id


def test_nobody_is_heard_under_others_without_consent(tmp_path: Path) -> None:
    """ann consents, bob does not, and speaks into one of her turns: that one stays at home."""
    corpus = make_corpus(tmp_path / "corpus", consent={"bob": "research"})
    vote(corpus, tmp_path / "votes.csv")
    name = overlap(corpus, "dinner", 2)
    built = build_release(corpus, "1.0.0")
    assert built.manifest.excluded == {"no_consent": 4, "others_heard": 1}
    assert [(e.utterance_id, e.detail) for e in built.exclusions if e.reason == "others_heard"] == [(name, "bob")]
    clip = next(clip for clip in corpus.read("dinner", Clip) if clip.utterance_id == name)
    voice = (corpus.layout.recording_dir("dinner") / clip.voice.path).read_bytes()
    assert not any(voice in piece for piece in everything_in(built.folder))
    assert build_release(corpus, "1.1.0", {"scope": "research"}).manifest.excluded == {}


def test_each_scope_holds_who_consents_to_it(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", consent={"ann": "internal", "cleo": "research", "eve": "none"})
    vote(corpus, tmp_path / "votes.csv")
    half = {"splits": {"train": 0.5, "test": 0.5}}
    speakers = {
        scope: {row["speaker_id"] for row in rows_of(build_release(corpus, v, {"scope": scope, **half}).folder)}
        for v, scope in (("1.0.0", "public"), ("1.1.0", "research"), ("1.2.0", "internal"))
    }
    assert speakers["public"] == {"bob", "dan", "finn"}
    assert speakers["research"] == {"bob", "dan", "finn", "cleo"}
    assert speakers["internal"] == {"bob", "dan", "finn", "cleo", "ann"}


def test_no_source_path_is_in_any_byte(corpus: Corpus) -> None:
    path = corpus.layout.recording("tea")
    told = json.loads(path.read_text()) | {"source": "/home/zelda/Señora Núñez.mp4", "notes": ["made by Zelda"]}
    path.write_text(json.dumps(told))
    for number, file_format in enumerate(("parquet", "webdataset", "folders")):
        folder = build_release(corpus, f"{1 + number}.0.0", {"format": file_format, "clips": True}).folder
        needles = (b"zelda", "Núñez".encode(), str(corpus.root).encode(), b"raw/")
        assert not any(needle in piece.lower() for piece in everything_in(folder) for needle in needles)
