"""`sdme validate`: does the corpus hold?"""

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
    from sdme_tools.training.verdict.validate import Verdict


@click.command()
@click.argument("release", metavar="[RELEASE]", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--features", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="A feature table.")
@click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="Trainings a network.")
@click.option("--networks", metavar="A,B", default="relevance,concat", show_default=True, help="The first is judged.")
@click.option("--folds", type=click.IntRange(min=3), default=5, show_default=True, help="Over speakers.")
@click.option("--epochs", type=click.IntRange(min=2), default=60, show_default=True, help="At most this many.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the report.")
@device
@as_json
def validate(
    release: Path | None,
    features: Path | None,
    seeds: int,
    networks: str,
    folds: int,
    epochs: int,
    out: Path | None,
    device: "Device",
    as_json: bool,
) -> None:
    """Train networks on the folder RELEASE and say with figures whether its labels hold.

    Every question is a gate: pass, warn, fail, or not measured and why. Where the test split has fewer than ten
    speakers, folds over all speakers are judged instead, and the report says so. Without RELEASE a feature table alone
    is judged: what only a release knows, such as votes, is then not measured. Written to OUT (default: runs/ of the
    corpus): report.html, report.json, suspects.csv for `sdme round create --select list:FILE`, relevance.parquet;
    interrupted, the same command goes on. The exit status is 1 if any gate fails.

    \b
    Example:
      sdme validate study/releases/1.0.0
      sdme validate study/releases/1.0.0 --seeds 3 --networks relevance
      sdme validate --features theirs.parquet --out verdict
    """
    from sdme_tools.errors import ConfigError

    names = tuple(name.strip() for name in networks.split(",") if name.strip())
    if not names:
        raise ConfigError("--networks names none", cure="name at least one, such as --networks relevance")
    if release is None and features is None:
        raise ConfigError("there is nothing to judge", cure="name a release, or a table with --features")

    from sdme_tools.cli.console import print_json
    from sdme_tools.cli.train import find_runs
    from sdme_tools.training.features.store import load_feature_table
    from sdme_tools.training.table_file import read_feature_table
    from sdme_tools.training.verdict.gate import Status
    from sdme_tools.training.verdict.report import report_content, write_verdict
    from sdme_tools.training.verdict.settings import ValidateSettings
    from sdme_tools.training.verdict.validate import validate_table

    place = release or Path.cwd()
    runs = find_runs(place)
    settings = ValidateSettings(networks=names, seeds=seeds, folds=folds, epochs=epochs, device=device)
    with _progress() as show:
        if features is None:
            table = load_feature_table(release, progress=lambda done, total: show("encoding", done, total))
        else:
            table = read_feature_table(features, check=False)
        subject = features.stem if features and not release else place.absolute().name
        folder = out or runs / f"{subject}-verdict"
        verdict = validate_table(table, settings, subject=subject, folder=folder, release_dir=release, progress=show)
    paths = write_verdict(verdict, folder)
    if as_json:
        print_json(report_content(verdict))
    else:
        _print(verdict)
    click.echo(f"written: {', '.join(map(str, paths))}", err=True)
    sys.exit(1 if verdict.status is Status.FAIL else 0)


@contextmanager
def _progress() -> "Iterator[Callable[[str, int, int], None]]":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from sdme_tools.cli.console import talk_console

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=talk_console(), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)


def _print(verdict: "Verdict") -> None:
    from sdme_tools.cli.console import data_console, make_table

    console = data_console()
    console.print(f"{verdict.subject}: {verdict.judged_by}", markup=False)
    rows = [(gate.status.value, gate.title, gate.says) for gate in verdict.gates]
    console.print(make_table(None, ["status", "question", "answer"], rows))
