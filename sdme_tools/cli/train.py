"""`sdme train`: a reference network on a release."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, device

if TYPE_CHECKING:
    from collections.abc import Callable

    from sdme_tools.backends.registry import Device
    from sdme_tools.training.metrics import Interval
    from sdme_tools.training.report import TrainReport


METRIC_NAMES = {
    "wa": "WA (accuracy)",
    "ua": "UA (mean recall)",
    "f1_weighted": "F1, weighted",
    "f1_macro": "F1, macro",
}


@click.command()
@click.argument("release", metavar="RELEASE", type=click.Path(path_type=Path, file_okay=False))
@click.option("--model", type=click.Choice(["relevance", "concat"]), default="relevance", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the results.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), help="At most this many; validation stops it earlier.")
@device
@as_json
def train(
    release: Path, model: str, out: Path | None, seed: int, epochs: int | None, device: "Device", as_json: bool
) -> None:
    """Train a network on the folder RELEASE and say how well it does on speakers it has never met.

    Features are computed once for a release by light built-in encoders. Written to OUT (default: runs/ of the corpus):
    checkpoint.safetensors, metrics.json with 95 % intervals over speakers, confusion.csv, relevance.parquet with the
    prediction and the relevance weights of each utterance, summary.md.

    \b
    Example:
      sdme train study/releases/1.0.0
      sdme train study/releases/1.0.0 --model concat --seed 3
    """
    from sdme_tools.cli.console import print_json
    from sdme_tools.training.features.store import load_feature_table
    from sdme_tools.training.loop import TrainSettings, train_network
    from sdme_tools.training.report import write_report

    settings = TrainSettings(network=model, seed=seed, device=device)
    if epochs is not None:
        warm_up_epochs = min(settings.warm_up_epochs, epochs // 2)
        settings = settings.model_copy(update={"epochs": epochs, "warm_up_epochs": warm_up_epochs})
    runs = find_runs(release)
    with _progress("reading clips", 0) as show:
        table = load_feature_table(release, runs, progress=show)
    with _progress(f"training {model}", settings.epochs) as show:
        result = train_network(table, settings, lambda epoch: show(epoch.epoch, epoch.num_epochs))
    folder = out or runs / f"{release.absolute().name}-{model}-{seed}"
    report = write_report(table, result, folder)
    if as_json:
        print_json({"folder": folder, "report": report})
    else:
        _print(report, table.label_names, folder)


def find_runs(release: Path) -> Path:
    """runs/ of the corpus that the release lies in, else of the folder where the command is typed."""
    corpus = release.absolute().parent.parent
    return (corpus if (corpus / "corpus.toml").is_file() else Path.cwd()) / "runs"


@contextmanager
def _progress(description: str, total: int) -> "Iterator[Callable[[int, int], None]]":
    from rich.progress import Progress

    from sdme_tools.cli.console import talk_console

    console = talk_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(description, total=total or None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _print(report: "TrainReport", label_names: Sequence[str], folder: Path) -> None:
    from sdme_tools.cli.console import data_console, make_table

    console = data_console()
    counts = ", ".join(f"{number} {split}" for split, number in report.num_utterances.items())
    console.print(f"{report.network}: {counts}; epoch {report.best_epoch} of {report.num_epochs}")
    rows = [(METRIC_NAMES[name], score.value, _bounds(score)) for name, score in report.metrics.items()]
    rows.append(("WA of the commonest class", report.chance_wa, ""))
    title = f"on {report.num_test_speakers} speakers of the test split"
    console.print(make_table(title, ["metric", "value", "95 % interval"], rows))
    console.print()
    console.print(make_table("truth \\ predicted", ["", *label_names], _confusion_rows(report, label_names)))
    if report.mean_relevance:
        weights = ", ".join(f"{modality} {weight:.2f}" for modality, weight in report.mean_relevance.items())
        console.print(f"\nmean relevance: {weights}")
    click.echo(f"written to {folder}", err=True)


def _bounds(score: "Interval") -> str:
    return "one speaker: none" if math.isnan(score.low) else f"{score.low:.3f} to {score.high:.3f}"


def _confusion_rows(report: "TrainReport", label_names: Sequence[str]) -> list[list[object]]:
    return [[name, *counts] for name, counts in zip(label_names, report.confusion, strict=True)]
