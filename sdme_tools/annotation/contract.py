"""A round's contract: hashes of everything that raters are shown, frozen when the round is made."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Item, Round, RoundContract

FROZEN_TABLES = ("items.jsonl", "assignments.jsonl")


def make_contract(campaign: Round, folder: Path, items: Iterable[Item]) -> RoundContract:
    """Hash what lies in a round's folder; `campaign` has none yet.

    Raises:
        OSError: a file cannot be read.
    """
    templates = (path.relative_to(folder).as_posix() for path in folder.glob("templates/*/*"))
    files = {name: _hash_file(folder / name) for name in sorted((*FROZEN_TABLES, *templates))}
    media = sorted(f"{item.media.path} {item.media.sha256}" for item in items if item.media)
    contract = RoundContract(files=files, media=_hash("\n".join(media).encode()), digest="")
    return contract.model_copy(update={"digest": _make_digest(campaign, contract)})


def freeze_again(campaign: Round, folder: Path, items: Iterable[Item]) -> Round:
    """A round of which a withdrawal has left less, frozen as it is now; rounds without a contract as they are.

    Raises:
        OSError: a file cannot be read.
    """
    if campaign.contract is None:
        return campaign
    made = make_contract(campaign.model_copy(update={"contract": None}), folder, items)
    first = campaign.contract.first_digest or campaign.contract.digest
    return campaign.model_copy(update={"contract": made.model_copy(update={"first_digest": first})})


def _make_digest(campaign: Round, contract: RoundContract) -> str:
    """Hash the promise itself, so that no part of round.json can be edited unnoticed."""
    # Without what stands at its default: a field that a later version adds breaks no promise made before it.
    promise = campaign.model_dump_json(exclude={"contract", "created_at"}, exclude_defaults=True)
    return _hash((promise + contract.model_dump_json(exclude={"digest", "first_digest"})).encode())


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_breaches(campaign: Round, folder: Path, items: Sequence[Item], *, with_media: bool = False) -> Iterator[str]:
    """Name everything in which a round is no longer what was frozen; nothing of rounds without a contract.

    Args:
        campaign: The round as round.json has it.
        folder: The round's folder.
        items: Its items.
        with_media: Hash every media file too; otherwise only their sizes are looked at.
    """
    yield from _find_file_breaches(campaign, folder)
    for item in items if campaign.contract is not None else ():
        if (breach := find_media_breach(folder, item, with_media=with_media)) is not None:
            yield f"{breach} (item {item.item_id})"


def _find_file_breaches(campaign: Round, folder: Path) -> Iterator[str]:
    contract = campaign.contract
    if contract is None:
        return
    if contract.digest != _make_digest(campaign, contract):
        yield "round.json: design, labels or hashes were edited"
    for name, frozen in contract.files.items():
        path = folder / name
        if not path.is_file():
            yield f"{name}: is missing"
        elif _hash_file(path) != frozen:
            yield f"{name}: was changed"


def find_media_breach(folder: Path, item: Item, *, with_media: bool = False) -> str | None:
    """Say in what an item's media are no longer what was frozen; None where they are, or where it has none."""
    if item.media is None:
        return None
    path = folder / item.media.path
    if not path.is_file():
        return f"{item.media.path}: is missing"
    if path.stat().st_size != item.media.size_bytes or (with_media and _hash_file(path) != item.media.sha256):
        return f"{item.media.path}: was changed"
    return None


def check_files(campaign: Round, folder: Path) -> None:
    """Refuse a round whose design, tables or templates are no longer what was frozen, whatever became of its media.

    Raises:
        AnnotationError: lists every breach.
    """
    _refuse(campaign, _find_file_breaches(campaign, folder))


def check_contract(campaign: Round, folder: Path, items: Sequence[Item], *, with_media: bool = False) -> None:
    """Refuse a round that is no longer what was frozen.

    Raises:
        AnnotationError: lists every breach.
    """
    _refuse(campaign, find_breaches(campaign, folder, items, with_media=with_media))


def _refuse(campaign: Round, breaches: Iterable[str]) -> None:
    raise_together(
        AnnotationError,
        f"round {campaign.round_id} is not what was frozen when it was made:",
        breaches,
        cure="restore these files from a backup; for other templates or items make another round",
    )


def require_same_labels(rounds: Sequence[Round], labels: Sequence[str], cannot_tell: str) -> None:
    """Refuse to mix rounds whose label sets differ, in names or in order.

    Raises:
        AnnotationError: names each round that differs.
    """
    expected = [*labels, cannot_tell]
    raise_together(
        AnnotationError,
        f"rounds with different label sets cannot be mixed; expected {expected}:",
        (
            f"round {r.round_id} has {[*r.labels, r.cannot_tell]}"
            for r in rounds
            if [*r.labels, r.cannot_tell] != expected
        ),
        cure="restore the labels in corpus.toml, or begin another corpus for the other label set",
    )
