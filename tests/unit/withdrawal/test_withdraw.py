"""Nobody who withdrew is in any byte of the corpus, and everybody else is as before."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from sdme_tools.annotation.contract import check_contract
from sdme_tools.annotation.round_files import read_round
from sdme_tools.cli.main import cli
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table
from sdme_tools.errors import AnnotationError, ConfigError, CorpusError
from sdme_tools.records.annotation import Consensus
from sdme_tools.records.identity import SpeakerDecision
from sdme_tools.records.utterance import Clip, MediaFile
from sdme_tools.records.withdrawal import Tombstone, WithdrawalScope
from sdme_tools.release.build import build_release
from sdme_tools.stages.intake import ingest_files
from sdme_tools.withdrawal.plan import Wish
from sdme_tools.withdrawal.withdraw import plan_withdrawal, withdraw
from tests.unit.release.tiny_corpus import make_corpus
from tests.unit.withdrawal.full_corpus import EDITED, FILES, likeness_of, make_full_corpus

BOB = Wish("bob", use_server=False, remove_others=True)


@pytest.fixture(scope="module", autouse=True)
def key() -> Iterator[None]:
    os.environ["SDME_CORPUS_KEY"] = "a key of tests"
    yield
    del os.environ["SDME_CORPUS_KEY"]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, key: None) -> Path:
    """Do not write to it."""
    root = tmp_path_factory.mktemp("full") / "study"
    make_full_corpus(root)
    return root


@pytest.fixture
def corpus(full: Path, tmp_path: Path) -> Corpus:
    root = tmp_path / "study"
    shutil.copytree(full, root, symlinks=True)
    return Corpus.open(root)


def contents(root: Path) -> dict[str, bytes]:
    """Every file, links as what they point to."""
    return {
        str(path.relative_to(root)): str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def unpacked(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and what is packed in them."""
    yield path.read_bytes()
    if path.suffix == ".parquet" and "/.tmp-" not in str(path):  # a killed build leaves what nobody can read
        table = pq.read_table(path)
        yield repr(table.to_pylist()).encode() + repr(table.schema.metadata).encode()
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            for name in arrays:
                yield name.encode() + arrays[name].tobytes() + repr(arrays[name].tolist()).encode()
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name.encode() + archive.read(name)


def find(root: Path, needles: dict[str, bytes]) -> list[tuple[str, str]]:
    """(file, what) of everything that is still there, in names or bytes."""
    found = []
    for path in sorted(root.rglob("*")):
        pieces = [str(path.relative_to(root)).encode()]
        if path.is_symlink():
            pieces.append(str(path.readlink()).encode())
        elif path.is_file():
            pieces += unpacked(path)
        name = str(path.relative_to(root))
        found += [(name, what) for what, needle in needles.items() if any(needle in piece for piece in pieces)]
    return found


def files_of(clip: Clip) -> list[MediaFile]:
    return [file for file in (clip.voice, clip.face, clip.clip) if file is not None]


def needles_of(corpus: Corpus) -> dict[str, bytes]:
    """Everything that tells of bob or of the recording that he is in."""
    clips = corpus.read("dinner", Clip)
    same = {file.sha256 for name in ("lunch", "tea") for clip in corpus.read(name, Clip) for file in files_of(clip)}
    files = [file for clip in clips for file in files_of(clip) if file.sha256 not in same]
    folder = corpus.layout.recording_dir("dinner")
    hashes = {f"hash of {file.path}": file.sha256.encode() for file in files}
    media = {f"bytes of {file.path}": (folder / file.path).read_bytes() for file in files}
    recording = corpus.recording("dinner")
    words = {"participant": b"bob", "recording": b"dinner", "word": b"xylophone", "edit": EDITED["dinner"].encode()}
    of_source = {
        "hash of source": recording.sha256.encode(),
        "source": b"sound of dinner",
        "file": FILES["dinner"].encode(),
    }
    embeddings = {f"embedding {n}": row.tobytes() for n, row in enumerate(likeness_of("dinner"))}
    return {**words, **of_source, **embeddings, **hashes, **media}


def test_no_byte_tells_of_who_withdrew(corpus: Corpus) -> None:
    needles = needles_of(corpus)
    before = find(corpus.root, needles)
    assert {what for _, what in before} == set(needles), "each is somewhere to begin with"
    assert len({name for name, _ in before}) > 60
    withdraw(corpus, plan_withdrawal(corpus, BOB))
    assert find(corpus.root, needles) == []


def test_everything_else_stays_to_the_byte(corpus: Corpus) -> None:
    before = contents(corpus.root)
    withdraw(corpus, plan_withdrawal(corpus, BOB))
    after = contents(corpus.root)
    tables = ("items", "assignments", "annotations", "submissions", "seen_tasks", "consensus", "ledger")
    changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    rounds = {f"rounds/{r}/{t}.jsonl" for r in ("pilot", "second", "import") for t in tables}
    sheets = {"participants.csv", "recordings.csv", ".lock"}
    identity = {f"identity/{name}.jsonl" for name in ("decisions", "speakers", "links", "doubts", "trusted")}
    assert changed <= rounds | sheets | identity | {"rounds/pilot/round.json", "rounds/second/round.json"}
    for name in ("lunch", "tea"):
        mine = {
            n: b
            for n, b in before.items()
            if n.startswith((f"recordings/{name}/", f"raw/{name}")) and "/.tmp-" not in n
        }
        assert mine.items() <= after.items()
    assert "notes.txt" in after and "previews/tea/contact_01.png" in after
    media = {n for n in before if n.startswith("rounds/pilot/media/")}
    assert len(media) == 72 and len(media & after.keys()) == 48
    people = (corpus.root / "participants.csv").read_text()
    assert people == "participant_id,consent\nann,public\ncleo,public\ndan,public\neve,public\nfinn,public\n"
    assert read_table(corpus.layout.speaker_decisions, SpeakerDecision)[0].speaker_b == "eve"
    assert len(read_table(corpus.layout.speaker_decisions, SpeakerDecision)) == 1


def test_the_plan_counts_what_goes_and_changes_nothing(corpus: Corpus) -> None:
    before = contents(corpus.root)
    plan = plan_withdrawal(corpus, BOB)
    assert contents(corpus.root) == before
    assert (plan.recordings, plan.shared, len(plan.utterance_ids)) == (("dinner",), ("dinner",), 8)
    assert (plan.num_own_utterances, plan.num_clips, plan.num_tracks, plan.num_edits) == (4, 8, 1, 1)
    items = {loss.round_id: loss.num_items for loss in plan.rounds}
    assert items == {"import": 8, "pilot": 32, "second": 8}
    assert [release.version for release in plan.releases] == ["1.0.0"]
    assert plan.copies == ("raw/dinner.wav",) and plan.sources == ()
    assert [Path(run).name for run in plan.runs] == ["1.0.0.features"]
    assert plan.other_files == ("previews/dinner/contact_01.png", "sent.zip")
    votes = {n: b for n, b in before.items() if n.endswith("annotations.jsonl")}
    num_votes = sum(line.count(b'"dinner_') for b in votes.values() for line in b.splitlines())
    assert sum(loss.num_votes for loss in plan.rounds) == num_votes > 100


def test_the_tombstone_counts_and_names_versions_and_nobody(corpus: Corpus) -> None:
    report = withdraw(corpus, plan_withdrawal(corpus, BOB))
    assert report.remarks == ()
    stones = read_table(corpus.layout.tombstones, Tombstone)
    assert stones == [report.tombstone]
    stone = stones[0]
    assert (stone.num_recordings, stone.num_utterances, stone.num_votes) == (
        1,
        8,
        sum(r.num_votes for r in report.plan.rounds),
    )
    assert [release.version for release in stone.releases] == ["1.0.0"]
    assert stone.num_tasks_left == sum(len(t.task_keys) for t in report.plan.server_tasks) > 0
    assert not corpus.layout.release_dir("1.0.0").exists()


def test_labels_are_derived_anew_from_the_votes_that_are_left(corpus: Corpus, tmp_path: Path) -> None:
    """As if the recording had never been: the same as in a corpus whose votes are only those of the others."""
    withdraw(corpus, plan_withdrawal(corpus, BOB))
    for round_id, method in (("pilot", "plurality"), ("second", "dawid_skene"), ("import", "plurality")):
        files = read_round(corpus.layout.round_dir(round_id))
        assert {row.utterance_id.split("_")[0] for row in files.consensus} == {"lunch", "tea"}
        assert {row.method for row in files.consensus} == {method}
        voted = {vote.item_id for vote in files.annotations}
        assert len(files.consensus) == len(voted) == len(files.items)
        check_contract(files.campaign, corpus.layout.round_dir(round_id), files.items, with_media=True)
    before = read_table(corpus.layout.round_dir("second") / "consensus.jsonl", Consensus)
    done = CliRunner().invoke(cli, ["consensus", str(corpus.root), "second"])
    assert done.exit_code == 0, done.output
    assert read_table(corpus.layout.round_dir("second") / "consensus.jsonl", Consensus) == before


def test_projects_on_the_server_keep_their_names(corpus: Corpus) -> None:
    """A push after a withdrawal finds its projects again: their titles hold the digest of the contract."""
    from sdme_tools.annotation.queue_plans import plan_queues

    folder = corpus.layout.round_dir("pilot")
    before = {plan.queue: plan.title for plan in plan_queues(read_round(folder), folder, {})}
    withdraw(corpus, plan_withdrawal(corpus, BOB))
    after = {plan.queue: plan.title for plan in plan_queues(read_round(folder), folder, {})}
    assert after.items() <= before.items() and len(after) > 10


def test_the_others_can_be_released(corpus: Corpus) -> None:
    withdraw(corpus, plan_withdrawal(corpus, BOB))
    built = build_release(corpus, "1.1.0", {"splits": {"train": 0.5, "test": 0.5}})
    assert built.manifest.num_seen == 16


def test_a_withdrawn_file_is_never_taken_in_again(corpus: Corpus, tmp_path: Path) -> None:
    again = tmp_path / "under another name.wav"
    shutil.copy(corpus.root / "raw" / "dinner.wav", again)
    withdraw(corpus, plan_withdrawal(corpus, BOB))
    from tests.factories import make_tone, write_media

    other = write_media(tmp_path / "other.wav", sound=make_tone(1000), audio_codec="pcm_s16le")
    remade = write_media(tmp_path / "remade.wav", sound=make_tone(1100), audio_codec="pcm_s16le")
    stones = read_table(corpus.layout.tombstones, Tombstone)
    from sdme_tools.corpus.keys import keyed_hash

    digest = hashlib.sha256(remade.read_bytes()).hexdigest()
    listed = stones[0].model_copy(
        update={"sources": (*stones[0].sources, keyed_hash(b"a key of tests", "source", digest))}
    )
    corpus.layout.tombstones.write_text(listed.model_dump_json() + "\n")
    intakes = ingest_files(corpus, [again, other, remade])
    assert [intake.status for intake in intakes] == ["refused", "new", "refused"]
    assert "withdrew" in intakes[2].what


def test_without_its_key_nothing_is_taken_in(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    withdraw(corpus, plan_withdrawal(corpus, BOB))
    monkeypatch.setenv("SDME_CORPUS_KEY", "another key")
    with pytest.raises(CorpusError, match="another one than then"):
        ingest_files(corpus, [tmp_path / "any.wav"])
    monkeypatch.delenv("SDME_CORPUS_KEY")
    monkeypatch.setenv("SDME_KEYS", str(tmp_path / "keys"))
    with pytest.raises(CorpusError, match="is not there"):
        ingest_files(corpus, [tmp_path / "any.wav"])
    assert not (tmp_path / "keys").exists(), "no second key is made"


def test_the_key_lies_outside_for_nobody_else_to_read(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SDME_CORPUS_KEY")
    monkeypatch.setenv("SDME_KEYS", str(tmp_path / "keys"))
    plan = plan_withdrawal(corpus, BOB)
    (made,) = (tmp_path / "keys").iterdir()
    assert made.stat().st_mode & 0o777 == 0o600
    secret = made.read_bytes().strip()
    withdraw(corpus, plan)
    assert find(corpus.root, {"key": secret}) == []
    made.chmod(0o644)
    with pytest.raises(CorpusError, match="others may read it"):
        ingest_files(corpus, [])


def test_recordings_where_people_recognised_them_go_too(corpus: Corpus) -> None:
    """recordings.csv does not list bob in tea; a person said that the second face there is his."""
    path = corpus.layout.table("tea", "face_tracks")
    track = json.loads(path.read_text())
    path.write_text(json.dumps(track | {"participant_id": None}) + "\n")
    decision = {"speaker_a": "bob", "speaker_b": "tea_t1", "judgement": "same", "sighting_a": None}
    decision["sighting_b"] = {"recording_id": "tea", "t_ms": 500, "box": [20, 20, 40, 40]}
    with corpus.layout.speaker_decisions.open("a") as file:
        file.write(json.dumps(decision) + "\n")
    assert plan_withdrawal(corpus, BOB).recordings == ("dinner", "tea")
    assert plan_withdrawal(corpus, Wish("eve", use_server=False)).recordings == ("tea",)


def test_what_a_machine_only_suspects_is_told_and_left(corpus: Corpus) -> None:
    assert plan_withdrawal(corpus, BOB).uncertain == (), "people said that it is not he"
    corpus.layout.speaker_decisions.write_text("")
    assert plan_withdrawal(corpus, BOB).uncertain == ("tea",)


def test_a_longer_name_is_another_recording(tmp_path: Path) -> None:
    """dinner goes; dinner_2 and what names it stays."""
    corpus = make_corpus(tmp_path / "study")
    shutil.copytree(corpus.layout.recording_dir("tea"), corpus.layout.recording_dir("dinner_2"))
    for path in corpus.layout.recording_dir("dinner_2").glob("*.json*"):
        path.write_text(path.read_text().replace("tea", "dinner_2"))
    (corpus.root / "dinner_2.csv").write_text("dinner_2_0_800\n")
    (corpus.root / "dinner.csv").write_text("x\n")
    plan = plan_withdrawal(corpus, BOB)
    assert (plan.recordings, plan.other_files) == (("dinner",), ("dinner.csv",))
    withdraw(corpus, plan)
    assert corpus.recording_ids() == ["dinner_2", "lunch", "tea"]
    assert (corpus.root / "dinner_2.csv").exists()


def test_files_outside_are_named_and_deleted_only_when_asked(corpus: Corpus, tmp_path: Path) -> None:
    outside = tmp_path / "Señora Núñez.wav"
    shutil.move(corpus.root / "raw" / "dinner.wav", outside)
    beside = outside.with_suffix(".srt")
    beside.write_text("words")
    recording = corpus.recording("dinner").model_copy(update={"source": str(outside)})
    corpus.layout.recording("dinner").write_text(recording.model_dump_json())
    plan = plan_withdrawal(corpus, BOB)
    assert set(plan.sources) == {str(outside), str(beside)} and plan.copies == ()
    withdraw(corpus, plan)
    assert outside.exists() and beside.exists()
    assert "Núñez" not in corpus.layout.seats.read_text()


def test_sources_are_deleted_when_asked(corpus: Corpus, tmp_path: Path) -> None:
    outside = tmp_path / "dinner.wav"
    shutil.move(corpus.root / "raw" / "dinner.wav", outside)
    recording = corpus.recording("dinner").model_copy(update={"source": str(outside)})
    corpus.layout.recording("dinner").write_text(recording.model_dump_json())
    withdraw(corpus, plan_withdrawal(corpus, Wish("bob", use_server=False, remove_others=True, delete_sources=True)))
    assert not outside.exists()


def test_other_files_stop_it_until_somebody_looked(corpus: Corpus) -> None:
    before = contents(corpus.root)
    with pytest.raises(CorpusError, match=r"previews/dinner/contact_01.png\n  - sent.zip"):
        withdraw(corpus, plan_withdrawal(corpus, Wish("bob", use_server=False)))
    assert contents(corpus.root) == before | {".lock": b""}


def test_tasks_on_a_server_stop_it_until_the_server_is_there(corpus: Corpus) -> None:
    with pytest.raises(AnnotationError, match="pilot, second are on a Label Studio server"):
        withdraw(corpus, plan_withdrawal(corpus, Wish("bob", remove_others=True)))
    assert not corpus.layout.withdrawal.exists()
    assert "bob" in corpus.participants()


def test_shared_recordings_can_be_made_to_stop_it(corpus: Corpus) -> None:
    path = corpus.layout.config
    path.write_text(path.read_text().replace('shared_recordings = "drop"', 'shared_recordings = "refuse"'))
    with pytest.raises(ConfigError, match="others appear in these recordings too"):
        plan_withdrawal(Corpus.open(corpus.root), BOB)
    path.write_text(path.read_text().replace('"refuse"', '"redact"'))
    with pytest.raises(ConfigError, match=r"withdraw\.shared_recordings"):
        Corpus.open(corpus.root)


def test_a_corpus_that_changed_after_the_plan_is_looked_at_again(corpus: Corpus) -> None:
    plan = plan_withdrawal(corpus, BOB)
    path = corpus.layout.table("dinner", "transcript_edits")
    path.write_text("")
    with pytest.raises(CorpusError, match="has changed since the plan was made"):
        withdraw(corpus, plan)


@pytest.mark.parametrize(
    ("name", "meant"), [("bbo", "did you mean bob"), ("Ünal", "ids stand in"), ("dinner_t1", "merge")]
)
def test_who_is_not_there_is_told(corpus: Corpus, name: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=meant):
        plan_withdrawal(corpus, Wish(name))


def test_somebody_who_was_never_filmed_leaves_the_list(corpus: Corpus) -> None:
    with corpus.layout.participants.open("a") as file:
        file.write('"gus",research\n')
    before = corpus.layout.participants.read_text()
    withdraw(corpus, plan_withdrawal(corpus, Wish("gus")))
    assert corpus.layout.participants.read_text() == before.replace('"gus",research\n', "")
    assert read_table(corpus.layout.tombstones, Tombstone)[0].num_recordings == 0


@pytest.mark.parametrize(
    ("scope", "consent", "versions"),
    [
        ("public", "research", ["1.0.0"]),
        ("research", "internal", ["1.0.0", "1.1.0"]),
        ("internal", "none", ["1.0.0", "1.1.0", "1.2.0"]),
    ],
)
def test_a_narrower_withdrawal_lowers_the_consent_and_names_versions(
    corpus: Corpus, scope: str, consent: str, versions: list[str]
) -> None:
    build_release(corpus, "1.1.0", {"scope": "research"})
    build_release(corpus, "1.2.0", {"scope": "internal"})
    before = contents(corpus.root)
    report = withdraw(corpus, plan_withdrawal(corpus, Wish("bob", WithdrawalScope(scope))))
    after = contents(corpus.root)
    assert {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)} == {
        "participants.csv",
        "withdrawals.jsonl",
    }
    assert f"bob,{consent}\n" in corpus.layout.participants.read_text()
    assert [release.version for release in report.tombstone.releases] == versions
    assert build_release(corpus, "2.0.0", {"scope": scope}).manifest.excluded == {"no_consent": 4}


def test_two_people_can_withdraw_one_after_the_other(corpus: Corpus) -> None:
    withdraw(corpus, plan_withdrawal(corpus, BOB))
    withdraw(corpus, plan_withdrawal(corpus, replace(BOB, participant_id="eve")))
    assert len(read_table(corpus.layout.tombstones, Tombstone)) == 2
    assert corpus.recording_ids() == ["lunch"]
    withdraw(corpus, plan_withdrawal(corpus, Wish("cleo", use_server=False)))
    assert corpus.rounds() == [] and list(corpus.layout.served.iterdir()) == []


def test_sheets_keep_their_other_lines_to_the_byte(corpus: Corpus) -> None:
    """Quotes, blank lines, line ends of Windows, a mark at the beginning: an editor's, not ours."""
    ann, bob = '"ann",public,"a, b"\r\n\r\n', 'bob , public,"two\r\nlines"\r\n'
    text = f"\ufeffparticipant_id,consent,note\r\n{ann}{bob}cleo,public,\r\n"
    rest = "dan,public,\r\neve,public,\r\nfinn,public,ü\r\n"
    corpus.layout.participants.write_bytes((text + rest).encode())
    withdraw(corpus, plan_withdrawal(corpus, BOB))
    expected = text.removeprefix("\ufeff").replace(bob, "") + rest
    assert corpus.layout.participants.read_bytes() == expected.encode()


def test_features_and_networks_of_a_version_go_with_it(corpus: Corpus) -> None:
    """A network that learned from them may hold nothing that can be read, and was made of them all the same."""
    for name in (
        "releases/1.0.0.features/text.bin",
        "runs/1.0.0-concat-0/checkpoint.safetensors",
        "runs/1.1.0-concat-0/a",
    ):
        (corpus.root / name).parent.mkdir(parents=True, exist_ok=True)
        (corpus.root / name).write_bytes(b"\0\1")
    withdraw(corpus, plan_withdrawal(corpus, BOB))
    assert [p.name for p in corpus.layout.releases.iterdir()] == []
    assert [p.name for p in corpus.layout.runs.iterdir()] == ["1.1.0-concat-0"]


def test_a_release_that_cannot_be_read_goes_too(corpus: Corpus) -> None:
    (corpus.layout.release_dir("1.0.0") / "data" / "train-00000-of-00001.parquet").write_bytes(b"PAR1")
    assert [release.version for release in plan_withdrawal(corpus, BOB).releases] == ["1.0.0"]


def test_a_table_that_nobody_thought_of_is_told(corpus: Corpus) -> None:
    (corpus.layout.recording_dir("tea") / "gestures.jsonl").write_text(
        '{"utterance_id":"tea_0_800","answers":"dinner_0_800"}'
    )
    report = withdraw(corpus, plan_withdrawal(corpus, BOB))
    assert len(report.remarks) == 1 and "tea/gestures.jsonl still names them" in report.remarks[0]


def test_missing_media_are_no_hindrance(corpus: Corpus) -> None:
    shutil.rmtree(corpus.layout.media("dinner"))
    shutil.rmtree(corpus.layout.round_dir("pilot") / "media")
    withdraw(corpus, plan_withdrawal(corpus, BOB))
    assert corpus.recording_ids() == ["lunch", "tea"]


def sdme(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "sdme_tools.cli.main", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_command_shows_the_plan_and_waits_for_yes(corpus: Corpus) -> None:
    before = contents(corpus.root)
    shown = sdme("withdraw", corpus.root, "bob", "--without-server")
    assert shown.returncode == 0, shown.stderr
    assert (
        "dinner" in shown.stdout and "LEFT, delete them by hand" in shown.stdout and "nothing was done" in shown.stderr
    )
    assert contents(corpus.root) == before
    no_server = sdme("withdraw", corpus.root, "bob", "--remove-others", "--yes")
    assert no_server.returncode == 1 and "--without-server" in no_server.stderr
    assert contents(corpus.root) == before
    done = sdme("withdraw", corpus.root, "bob", "--without-server", "--remove-others", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tombstone"]["num_utterances"] == 8
    again = sdme("withdraw", corpus.root, "bob")
    assert again.returncode == 1 and "no participant 'bob'" in again.stderr
    nothing = sdme("withdraw", corpus.root)
    assert nothing.returncode == 1 and "no withdrawal is half done" in nothing.stderr
