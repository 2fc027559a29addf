"""`sdme verify` finds every kind of damage and names it, whether or not the checksums were renewed."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sdme_tools.annotation.consensus_rounds import decide_round, make_rule
from sdme_tools.audit.judge import VoteJudge
from sdme_tools.audit.verify import Verdict, verify_release
from sdme_tools.errors import ReleaseError
from sdme_tools.records.annotation import ConsensusMethod
from sdme_tools.release.build import build_release
from tests.unit.audit.damage import DAMAGES, VICTIM, Damage, edit_row, renew, tables
from tests.unit.release.tiny_corpus import LABELS, make_corpus, vote

DOCUMENTS_ONLY = {
    "a figure of the card edited",
    "a limit of the card removed",
    "the Croissant file edited",
    "the citation edited",
    "the licence edited",
}
"""Who makes all documents anew undoes these, or makes another release of them, which only its digest tells."""
CHECKSUMS_ONLY = {"a file struck from the manifest", "a checksum removed"}
"""Who renews the checksums undoes these."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    corpus = make_corpus(root / "corpus")
    others = ("happiness", "sadness", "neutral")
    vote(
        corpus,
        root / "votes.csv",
        lambda n: [LABELS[n % 3]] * 3 + [LABELS[n // 2 % 3], others[n % 3] if n % 5 == 0 else LABELS[n % 3]],
    )
    decide_round(corpus, None, rule=make_rule(ConsensusMethod.DAWID_SKENE))
    return build_release(corpus, "1.0.0", judge=VoteJudge()).folder


def is_victim(row: dict[str, object]) -> bool:
    return row["utterance_id"] == VICTIM


def say(verdict: Verdict) -> str:
    return "\n".join(f"{fault.code} | {fault.where} | {fault.what}" for fault in verdict.faults)


def test_an_undamaged_release_holds(release: Path) -> None:
    verdict = verify_release(release)
    assert say(verdict) == ""
    assert (verdict.num_utterances, verdict.num_votes) == (24, 120)
    assert [note.partition(":")[0] for note in verdict.not_checked] == [
        "whether this is the release that its makers published"
    ]
    assert verify_release(release, digest=verdict.digest).not_checked == ()


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
@pytest.mark.parametrize("attacker", ["crude", "careful", "thorough"])
def test_damage_is_found_and_named(release: Path, tmp_path: Path, damage: Damage, attacker: str) -> None:
    undone = {"crude": set(), "careful": CHECKSUMS_ONLY, "thorough": CHECKSUMS_ONLY | DOCUMENTS_ONLY}[attacker]
    if damage.name in undone:
        pytest.skip("this attacker undoes it")
    folder = tmp_path / "release"
    shutil.copytree(release, folder)
    damage.do(folder)
    if attacker != "crude":
        renew(folder, thoroughly=attacker == "thorough")
    verdict = verify_release(folder)
    assert verdict.faults, f"{damage.name} was not found"
    assert damage.named in say(verdict), say(verdict)


def test_what_is_made_anew_as_a_whole_only_the_digest_tells(release: Path, tmp_path: Path) -> None:
    """Nothing in a release can tell that all of it was rewritten: this is why its digest is to be published."""
    published = verify_release(release).digest
    folder = tmp_path / "release"
    shutil.copytree(release, folder)
    next(damage for damage in DAMAGES if damage.name == "the licence edited").do(folder)
    renew(folder, thoroughly=True)
    assert say(verify_release(folder)) == ""
    assert [fault.code for fault in verify_release(folder, digest=published).faults] == ["digest"]


def test_a_fold_that_was_changed_is_found(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    vote(corpus, tmp_path / "votes.csv")
    folder = build_release(corpus, "1.0.0", {"folds": "3"}, judge=VoteJudge()).folder
    assert say(verify_release(folder)) == ""
    folds = {row["fold"] for path in tables(folder) for row in pq.read_table(path).to_pylist()}
    assert folds == {0, 1, 2}
    now = next(row["fold"] for path in tables(folder) for row in pq.read_table(path).to_pylist() if is_victim(row))
    edit_row("fold", (now + 1) % 3, everywhere=True)(folder)
    renew(folder, thoroughly=True)
    assert f"group | {VICTIM}" in say(verify_release(folder))


def test_a_folder_without_a_manifest_is_no_release(release: Path, tmp_path: Path) -> None:
    folder = tmp_path / "release"
    shutil.copytree(release, folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(ReleaseError, match=r"manifest\.json"):
        verify_release(folder)


def test_a_manifest_that_is_none_is_told(release: Path, tmp_path: Path) -> None:
    folder = tmp_path / "release"
    shutil.copytree(release, folder)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(ReleaseError, match="damaged"):
        verify_release(folder)
