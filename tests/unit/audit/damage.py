"""Ways to damage a release, and three attackers: one leaves the checksums stale, two renew what names the damage.

`careful` renews the manifest and SHA256SUMS. `thorough` renews the certificate's hashes too and makes every document
anew, so that only what the rows, votes and media say of each other is left to tell.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from sdme_tools.corpus.table import write_record
from sdme_tools.records.certificate import Certificate
from sdme_tools.records.release import Manifest, ReleaseFile
from sdme_tools.release.documents import describe_files, render_documents, render_manifest, render_sums
from sdme_tools.release.pictures import draw_pictures

Row = dict[str, Any]
VICTIM, OTHER = "tea_3000_3800", "tea_5000_5800"
"""Two utterances of one speaker, both with a face."""


class Damage(NamedTuple):
    """What is done to a release, and what verify must name."""

    name: str
    do: Callable[[Path], None]
    named: str
    """Stands in the place or the words of a fault."""


def tables(folder: Path, configuration: str = "data") -> list[Path]:
    return sorted((folder / configuration).glob("*.parquet"))


def table_of(folder: Path, utterance_id: str = VICTIM, configuration: str = "data") -> Path:
    names = (pq.read_table(path, columns=["utterance_id"])["utterance_id"].to_pylist() for path in tables(folder))
    place = next(number for number, its in enumerate(names) if utterance_id in its)
    return tables(folder, configuration)[place]


def rewrite(path: Path, change: Callable[[list[Row]], list[Row]]) -> None:
    table = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema), path)


def edit_row(column: str, value: object, *, everywhere: bool = False) -> Callable[[Path], None]:
    """Change a cell of the victim, in the shard or in the table without media too."""

    def change(rows: list[Row]) -> list[Row]:
        return [row | {column: value} if row["utterance_id"] == VICTIM else row for row in rows]

    def do(folder: Path) -> None:
        for configuration in ("tabular", "data") if everywhere else ("data",):
            rewrite(table_of(folder, configuration=configuration), change)

    return do


def edit_votes(change: Callable[[list[Row]], list[Row]]) -> Callable[[Path], None]:
    """Change the victim's votes."""

    def apply(rows: list[Row]) -> list[Row]:
        mine = [row for row in rows if row["utterance_id"] == VICTIM]
        return [row for row in rows if row["utterance_id"] != VICTIM] + change(mine)

    return lambda folder: rewrite(table_of(folder, configuration="annotations"), apply)


def edit_text(name: str, old: str, new: str) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return do


def edit_json(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        value = json.loads((folder / name).read_text(encoding="utf-8"))
        change(value)
        (folder / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    return do


def put(*keys: str | int, value: object) -> Callable[[Any], object]:
    """Set a value deep in JSON."""

    def change(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        assert document[keys[-1]] != value
        document[keys[-1]] = value

    return change


def flip_byte(folder: Path) -> None:
    """One bit in the middle of the victim's voice."""
    path = table_of(folder)
    voice = next(r["voice"]["bytes"] for r in pq.read_table(path).to_pylist() if r["utterance_id"] == VICTIM)
    content = bytearray(path.read_bytes())
    content[content.index(voice) + len(voice) // 2] ^= 1
    path.write_bytes(bytes(content))


def move_row(folder: Path, *, also_its_column: bool) -> None:
    source = table_of(folder)
    target = next(path for path in tables(folder) if path != source)
    (row,) = (row for row in pq.read_table(source).to_pylist() if row["utterance_id"] == VICTIM)
    row |= {"split": target.name.partition("-")[0]} if also_its_column else {}
    rewrite(source, lambda rows: [r for r in rows if r["utterance_id"] != VICTIM])
    rewrite(target, lambda rows: [*rows, row])


def move_speaker(folder: Path) -> None:
    """The whole speaker goes, in rows and votes: each table fits the others."""
    for configuration in ("annotations", "tabular", "data"):  # data last: it tells where the others lie
        source = table_of(folder, configuration=configuration)
        target = next(path for path in tables(folder, configuration) if path != source)
        split = target.name.partition("-")[0]

        def is_finns(row: Row) -> bool:
            return row["utterance_id"].startswith("tea_") and int(row["utterance_id"].split("_")[1]) // 1000 % 2 == 1

        moved = [row | {"split": split} for row in pq.read_table(source).to_pylist() if is_finns(row)]
        assert moved
        rewrite(source, lambda rows: [row for row in rows if not is_finns(row)])
        rewrite(target, lambda rows, moved=moved: [*rows, *moved])  # type: ignore[misc]


def swap_media(column: str) -> Callable[[Path], None]:
    def change(rows: list[Row]) -> list[Row]:
        media = {row["utterance_id"]: row[column] for row in rows}
        other = {VICTIM: OTHER, OTHER: VICTIM}
        return [
            row | {column: row[column] | {"bytes": media[other[row["utterance_id"]]]["bytes"]}}
            if row["utterance_id"] in other
            else row
            for row in rows
        ]

    return lambda folder: rewrite(table_of(folder), change)


def swap_files(folder: Path) -> None:
    a, b = tables(folder)[:2]
    first, second = a.read_bytes(), b.read_bytes()
    a.write_bytes(second)
    b.write_bytes(first)


def permute_label_names(folder: Path) -> None:
    path = table_of(folder)
    table = pq.read_table(path)
    told = json.loads(table.schema.metadata[b"huggingface"])
    told["info"]["features"]["label"]["names"].insert(0, told["info"]["features"]["label"]["names"].pop())
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(told)}), path)


def link(name: str) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        path = folder / name
        elsewhere = folder.parent / f"elsewhere_{path.name}"
        path.rename(elsewhere)
        path.symlink_to(elsewhere)

    return do


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def add(name: str) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"anything")

    return do


def edit_proof(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        lines = (folder / "proof.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        changed = change(lines)
        assert changed != lines
        (folder / "proof.jsonl").write_text("".join(changed), encoding="utf-8")

    return do


def invert_errors(document: Any) -> None:
    """Make the first rater's model one of somebody who is always wrong."""
    errors = document["rounds"][0]["models"][0]["errors"]
    name = sorted(errors)[0]
    errors[name] = [row[::-1] for row in errors[name]]


def _first_speaker_of_other_split(document: Any) -> None:
    groups = document["division"]["groups"]
    groups[0]["split"] = next(group["split"] for group in groups if group["split"] != groups[0]["split"])


SHARD, VOTES = "data/train-00000-of-00001.parquet", "annotations/train-00000-of-00001.parquet"

DAMAGES = [
    Damage("a bit of a voice flipped", flip_byte, VICTIM),
    Damage("a label changed", edit_row("label", 0), VICTIM),
    Damage("a label changed in all tables", edit_row("label", 0, everywhere=True), VICTIM),
    Damage("a speaker renamed in all tables", edit_row("speaker_id", "ann", everywhere=True), VICTIM),
    Damage("a text edited in all tables", edit_row("text", "something else", everywhere=True), VICTIM),
    Damage("a label taken away", edit_row("label", None), VICTIM),
    Damage("a row moved to another split", lambda f: move_row(f, also_its_column=True), VICTIM),
    Damage("a row moved to another file", lambda f: move_row(f, also_its_column=False), VICTIM),
    Damage("a speaker moved to another split with all votes", move_speaker, VICTIM),
    Damage("a split renamed in a row", edit_row("split", "dev"), VICTIM),
    Damage(
        "a row removed",
        lambda f: rewrite(table_of(f), lambda rows: [r for r in rows if r["utterance_id"] != VICTIM]),
        VICTIM,
    ),
    Damage(
        "a row doubled",
        lambda f: rewrite(table_of(f), lambda rows: [*rows, *(r for r in rows if r["utterance_id"] == VICTIM)]),
        VICTIM,
    ),
    Damage(
        "a row invented",
        lambda f: rewrite(table_of(f), lambda rows: [*rows, rows[0] | {"utterance_id": "tea_90000_91000"}]),
        "tea_90000_91000",
    ),
    Damage("an id changed", edit_row("utterance_id", "tea_3001_3800"), "tea_3001_3800"),
    Damage("voices swapped", swap_media("voice"), VICTIM),
    Damage("faces swapped", swap_media("face"), OTHER),
    Damage("a face taken away", edit_row("face", None), VICTIM),
    Damage("a text edited", edit_row("text", "something else"), VICTIM),
    Damage("a speaker renamed in a row", edit_row("speaker_id", "ann"), VICTIM),
    Damage("a recording renamed in a row", edit_row("recording_id", "dinner"), VICTIM),
    Damage("a time changed", edit_row("start_ms", 3100), VICTIM),
    Damage("a count of votes changed", edit_row("votes_sadness", 9), VICTIM),
    Damage("the number of raters changed", edit_row("num_raters", 9), VICTIM),
    Damage("a measure changed", edit_row("voice_snr_db", 99.0), VICTIM),
    Damage("a vote removed", edit_votes(lambda votes: votes[1:]), VICTIM),
    Damage("all votes of an utterance removed", edit_votes(lambda _: []), VICTIM),
    Damage("a vote changed", edit_votes(lambda votes: [votes[0] | {"label": "neutral"}, *votes[1:]]), VICTIM),
    Damage("a vote added", edit_votes(lambda votes: [*votes, votes[0] | {"rater_id": "r9"}]), VICTIM),
    Damage("a vote given to another rater", edit_votes(lambda v: [v[0] | {"rater_id": "r9"}, *v[1:]]), VICTIM),
    Damage("a vote given to another utterance", edit_votes(lambda v: [v[0] | {"utterance_id": OTHER}, *v[1:]]), OTHER),
    Damage("a vote's role changed", edit_votes(lambda v: [v[0] | {"role": "gold"}, *v[1:]]), VICTIM),
    Damage("a shard missing", remove(SHARD), "data/train"),
    Damage("votes missing", remove(VOTES), "annotations/train"),
    Damage("the card missing", remove("README.md"), "README.md"),
    Damage("the certificate missing", remove("certificate.json"), "certificate.json"),
    Damage("the proof missing", remove("proof.jsonl"), "proof.jsonl"),
    Damage("a picture missing", remove("pictures/labels.png"), "pictures/labels.png"),
    Damage("SHA256SUMS missing", remove("SHA256SUMS"), "SHA256SUMS"),
    Damage("a file added", add("notes.txt"), "notes.txt"),
    Damage("a hidden file added", add("data/.hidden"), "data/.hidden"),
    Damage("a folder added", lambda f: (f / "more").mkdir(), "more"),
    Damage(
        "a shard added",
        lambda f: shutil.copy(f / SHARD, f / "data/train-00001-of-00001.parquet"),  # type: ignore[arg-type,return-value]
        "data/train-",
    ),
    Damage("a shard that is a link", link(SHARD), SHARD),
    Damage("a card that is a link", link("README.md"), "README.md"),
    Damage("a shard renamed", lambda f: (f / SHARD).rename(f / "data/part.parquet"), "data/part.parquet"),  # type: ignore[arg-type,return-value]
    Damage("a shard cut short", lambda f: (f / SHARD).write_bytes((f / SHARD).read_bytes()[:-200]), SHARD),  # type: ignore[arg-type,return-value]
    Damage("two shards swapped", swap_files, "lunch_3000_3800"),
    Damage(
        "a column dropped",
        lambda f: pq.write_table(pq.read_table(f / SHARD).drop_columns("language"), f / SHARD),
        "column language",
    ),
    Damage(
        "a column added",
        lambda f: pq.write_table(
            (table := pq.read_table(f / SHARD)).append_column("age", pa.array([30] * len(table))), f / SHARD
        ),
        "column age",
    ),
    Damage("the names of labels permuted", permute_label_names, VICTIM),
    Damage("a figure of the card edited", edit_text("README.md", "24 utterances", "2400 utterances"), "README.md"),
    Damage("a limit of the card removed", edit_text("README.md", "- 3 utterances have no face", "- "), "README.md"),
    Damage(
        "the Croissant file edited", edit_text("croissant.json", "24 utterances", "99 utterances"), "croissant.json"
    ),
    Damage("the citation edited", edit_text("CITATION.cff", "not stated", "somebody"), "CITATION.cff"),
    Damage(
        "a picture replaced",
        lambda f: shutil.copy(f / "pictures/labels.png", f / "pictures/faces.png"),  # type: ignore[arg-type,return-value]
        "pictures/faces.png",
    ),
    Damage(
        "a count of the certificate edited",
        edit_json("certificate.json", put("figures", "num_words", value=7)),
        "num_words",
    ),
    Damage(
        "a speaker's count edited",
        edit_json("certificate.json", put("figures", "speakers", 0, "num_utterances", value=7)),
        "figures: speakers.0.num_utterances",
    ),
    Damage(
        "agreement edited",
        edit_json("certificate.json", put("agreement", 0, "alpha", "value", value=0.99)),
        "alpha.value",
    ),
    Damage("a leak hidden", edit_json("certificate.json", put("leaks", 3, "num_shared", value=0)), "leaks: text"),
    Damage("a group's split edited", edit_json("certificate.json", _first_speaker_of_other_split), "group g0"),
    Damage(
        "a group's evidence edited",
        edit_json("certificate.json", put("division", "groups", 0, "links", 0, "num_utterances", value=40)),
        "group g0",
    ),
    Damage(
        "the method edited",
        edit_json("certificate.json", put("rounds", 0, "method", value="plurality")),
        "its votes give",
    ),
    Damage("a model of a rater edited", edit_json("certificate.json", invert_errors), "its votes give"),
    Damage("receipts of labels removed", edit_json("certificate.json", put("rounds", value=[])), "no receipts"),
    Damage(
        "exclusions edited", edit_json("certificate.json", put("balance", "excluded", value={"tie": 3})), "left out of"
    ),
    Damage("the licence edited", edit_json("certificate.json", put("about", "licence", value="MIT")), "README.md"),
    Damage("a count of the manifest edited", edit_json("manifest.json", put("num_seen", value=99)), "num_seen"),
    Damage("the version edited", edit_json("manifest.json", put("version", value="2.0.0")), "version"),
    Damage("the scope edited", edit_json("manifest.json", put("scope", value="research")), "scope"),
    Damage("labels of the manifest permuted", edit_json("manifest.json", lambda m: m["labels"].reverse()), "labels"),
    Damage("a file struck from the manifest", edit_json("manifest.json", lambda m: m["files"].pop(0)), "data/train"),
    Damage("a line of the proof removed", edit_proof(lambda lines: [x for x in lines if VICTIM not in x]), VICTIM),
    Damage(
        "a line of the proof doubled", edit_proof(lambda lines: [*lines, *(x for x in lines if VICTIM in x)]), VICTIM
    ),
    Damage(
        "a label of the proof edited",
        edit_proof(lambda ls: [x.replace(':"happiness"', ':"neutral"') if VICTIM in x else x for x in ls]),
        VICTIM,
    ),
    Damage("a checksum removed", edit_text("SHA256SUMS", "README.md", "README.txt"), "README.md"),
]


def renew(folder: Path, *, thoroughly: bool) -> None:
    """Renew every checksum that can be renewed without knowing the corpus; with `thoroughly`, all documents too."""
    certificate = _read(folder / "certificate.json")
    if thoroughly and certificate is not None:
        known = Certificate.model_validate(certificate)
        listed = sorted(
            {*(file.path for file in known.files), *(p.relative_to(folder).as_posix() for p in _tables(folder))}
        )
        found = describe_files(folder, [path for path in listed if (folder / path).is_file()])
        known = known.model_copy(update={"files": tuple(found)})
        write_record(folder / "certificate.json", known)
        for path, text in render_documents(known).items():
            if (folder / path).is_file():
                (folder / path).write_text(text, encoding="utf-8")
    manifest = _read(folder / "manifest.json")
    if manifest is None:
        return
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("manifest.json", "SHA256SUMS")
    ]
    described = tuple(
        ReleaseFile(
            path=path.relative_to(folder).as_posix(),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            size_bytes=path.stat().st_size,
        )
        for path in files
    )
    renewed = Manifest.model_validate(manifest | {"files": ()}).model_copy(update={"files": described})
    (folder / "manifest.json").write_bytes(render_manifest(renewed))
    if (folder / "SHA256SUMS").exists():
        (folder / "SHA256SUMS").write_text(render_sums(renewed), encoding="utf-8")


def redraw(folder: Path) -> None:
    """Draw the pictures that are there anew."""
    certificate = Certificate.model_validate_json((folder / "certificate.json").read_bytes())
    for path, picture in draw_pictures(certificate, folder).items():
        (folder / path).write_bytes(picture)


def _tables(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.parquet") if path.is_file()]


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
