"""`sdme features`: sequences of numbers for the networks, made from a release or brought from elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, device

if TYPE_CHECKING:
    from collections.abc import Callable

    from sdme_tools.backends.registry import Device
    from sdme_tools.training.features.make import MadeTable


@click.group("features")
def features() -> None:
    """Make feature tables of a release, or bring features that others made."""


@features.command("make")
@click.argument("release", metavar="RELEASE", type=click.Path(path_type=Path, file_okay=False))
@click.option("--voice", metavar="NAME", help="log_mel (default), log_mel_deltas, functionals, or a pretrained model.")
@click.option("--face", metavar="NAME", help="edges (default), landmarks, random_cnn, or a pretrained model.")
@click.option("--text", metavar="NAME", help="hashed_words (default), or a pretrained model.")
@click.option("--batch-size", type=click.IntRange(min=1), default=16, show_default=True, help="Of pretrained models.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder, else RELEASE.features/.")
@device
@as_json
def make(
    release: Path,
    voice: str | None,
    face: str | None,
    text: str | None,
    batch_size: int,
    out: Path | None,
    device: "Device",
    as_json: bool,
) -> None:
    """Turn every utterance of RELEASE into sequences of numbers, and write them as one Parquet file beside it.

    A pretrained model is a folder with its files, or NAME@REVISION of one that `sdme models fetch transformers:…` has
    brought: wav2vec 2.0, WavLM, HuBERT or a Whisper encoder for voice, CLIP or ViT for faces, RoBERTa or a
    multilingual kin for text. `none` leaves a modality out. What was made before is not made again; interrupted, the
    same command goes on. What cannot be decoded is named and missing, and the exit status is 1.

    \b
    Example:
      sdme features make study/releases/1.0.0
      sdme features make study/releases/1.0.0 --voice models/wavlm-base --face none --device cuda
      sdme train study/releases/1.0.0 --features study/releases/1.0.0.features/NAME.parquet
    """
    from sdme_tools.backends.device import resolve_device
    from sdme_tools.cli.console import print_json
    from sdme_tools.training.features.encoders import DEFAULT_ENCODERS, NONE, EncoderSettings, create_encoder
    from sdme_tools.training.features.make import make_feature_table

    given = {"voice": voice, "face": face, "text": text}
    names = {modality: given[modality] or default for modality, default in DEFAULT_ENCODERS.items()}
    settled = resolve_device(device)
    encoders = {
        modality: create_encoder(modality, EncoderSettings(name, settled, batch_size))
        for modality, name in names.items()
        if name != NONE
    }
    with show_progress("encoding") as show:
        made = make_feature_table(release, encoders, folder=out, progress=show)
    if as_json:
        print_json(made)
    else:
        _print(made)
    sys.exit(1 if made.metadata.faults else 0)


def _split_pairs(texts: tuple[str, ...]) -> list[tuple[str, str]]:
    """Cut NAME=VALUE; without NAME= the name is empty."""
    return [(name, value) if equals else ("", name) for name, equals, value in (text.partition("=") for text in texts)]


@features.command("import")
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--index", "index", metavar="[SPLIT=]FILE", multiple=True, required=True, help="Ids, labels, groups.")
@click.option("--features", "files", metavar="MODALITY[.SPLIT]=FILE[#KEY]", multiple=True, required=True)
@click.option("--columns", metavar="NAME=COLUMN,…", help="What id, label, group and split are called in the files.")
@click.option("--label-names", metavar="NAME,…", help="Names of the labels 0, 1, …")
@click.option("--no-groups", is_flag=True, help="Nobody knows who speaks: each utterance counts as its own group.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Draws splits if there are none."
)
@as_json
def import_(
    out: Path,
    index: tuple[str, ...],
    files: tuple[str, ...],
    columns: str | None,
    label_names: str | None,
    no_groups: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Write the features that others made (npz without pickles, h5, csv) into the feature table OUT.

    An index tells of each utterance its id, label, group (who speaks) and, if it has them, split. Features are padded
    arrays [N, T, D] with KEY_lengths, flat ones with KEY_lengths, arrays [N, D], groups of arrays by id, or csv files
    with one row a step. KEY is the array's name, else the modality's. Without splits, groups are divided 5 : 1 : 1.

    \b
    Example:
      sdme features import theirs.parquet --index labels.csv --features voice=voice.csv --features text=text.npz
      sdme features import theirs.parquet --index all.h5 --features voice=all.h5#covarep --columns group=speaker
      sdme train --features theirs.parquet
    """
    from sdme_tools.cli.console import print_json, talk_console
    from sdme_tools.training.features.importing import ImportPlan, IndexFile, SequenceFile, import_features

    sequences = []
    for name, value in _split_pairs(files):
        modality, _, split = name.partition(".")
        path, _, key = value.partition("#")
        sequences.append(SequenceFile(modality, Path(path), split or None, key or None))
    plan = ImportPlan(
        index=[IndexFile(Path(path), split or None) for split, path in _split_pairs(index)],
        sequences=sequences,
        columns=dict(_split_pairs(tuple(columns.split(",")))) if columns else {},
        label_names=label_names.split(",") if label_names else (),
        groups_known=not no_groups,
        seed=seed,
    )
    metadata = import_features(plan, out)
    if as_json:
        print_json({"path": out, "metadata": metadata})
    else:
        dims = ", ".join(f"{modality} {size}" for modality, size in metadata.feature_dims.items())
        talk_console().print(f"features a step: {dims}; labels {', '.join(metadata.label_names)}: {out}", markup=False)


@contextmanager
def show_progress(description: str) -> "Iterator[Callable[[int, int], None]]":
    """Show a bar of utterances with rate and time left."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from sdme_tools.cli.console import talk_console

    bars = (TextColumn(description), BarColumn(), MofNCompleteColumn(), TextColumn("utterances {task.fields[rate]}"))
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*bars, *times, console=talk_console(), transient=True) as progress:
        task = progress.add_task("", total=None, rate="", visible=False)
        begun: list[int] = []

        def show(done: int, total: int) -> None:
            begun.append(done)
            elapsed = progress.tasks[task].elapsed or 0.0
            rate = f"{(done - begun[0]) / elapsed:.1f}/s" if elapsed > 0.5 and done > begun[0] else ""
            progress.update(task, completed=done, total=total, rate=rate, visible=True)

        yield show


def _print(made: "MadeTable") -> None:
    from sdme_tools.cli.console import data_console, make_table, talk_console

    talk = talk_console()
    for fault in made.metadata.faults:
        talk.print(f"✗ {fault.utterance_id} {fault.modality}: {fault.what}", markup=False)
    for utterance_id in made.metadata.left_out:
        talk.print(f"left out, since no modality is there: {utterance_id}", markup=False)
    rows = [
        (
            modality,
            encoding.encoder.backend,
            encoding.encoder.version,
            (encoding.encoder.weights or "")[:12],
            encoding.num_features,
            f"{encoding.steps_per_second:g}/s" if encoding.steps_per_second else "a step a word or piece",
            encoding.max_steps,
        )
        for modality, encoding in made.metadata.encodings.items()
    ]
    columns = ("modality", "encoder", "version", "weights", "features", "steps", "at most")
    data_console().print(make_table(str(made.path), columns, rows))
    talk.print(f"{made.num_computed} sequences computed, {made.num_known} known already: {made.path}", markup=False)
