"""`sdme release`: Parquet shards that anyone's loader reads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir

if TYPE_CHECKING:
    from sdme_tools.records.splitting import SplitReport
    from sdme_tools.release.build import Release


def _parse_shares(context: click.Context, parameter: click.Parameter, text: str | None) -> dict[str, float] | None:
    """Read train=.8,test=.2; what the shares may be is checked with the other settings."""
    if text is None:
        return None
    try:
        pairs = [part.split("=") for part in text.split(",")]
        return {name.strip(): float(share) for name, share in pairs}
    except ValueError as error:
        raise click.BadParameter(f"got {text!r}, expected something like train=.7,validation=.15,test=.15") from error


@click.command()
@corpus_dir
@click.argument("version")
@click.option("--scope", type=click.Choice(["internal", "research", "public"]), help="Whom it is for.")
@click.option("--clips/--no-clips", default=None, help="Ship clip.mp4 too; needs the consent of all who are in it.")
@click.option("--splits", metavar="NAME=SHARE,…", callback=_parse_shares, help="Shares of train, validation and test.")
@click.option("--folds", metavar="K|KEY", help="Folds in place of splits: 5, or one a session (or participant, …).")
@click.option("--fixed", metavar="FILE", type=click.Path(path_type=Path), help="CSV or release whose splits stay.")
@click.option("--resplit", is_flag=True, help="Divide anew, whatever earlier versions have.")
@click.option(
    "--group-by",
    metavar="KEY,…",
    help="What never crosses splits: participant, recording, session, identity, text, sentence.",
)
@click.option("--balance", metavar="NAME,…", help="Also balanced: duration, or columns of participants.csv.")
@click.option("--split-time", type=float, metavar="SECONDS", help="How long to look for good splits.")
@click.option("--min-raters", type=click.IntRange(min=1), help="Votes that an utterance needs.")
@click.option(
    "--format", "file_format", type=click.Choice(["parquet", "webdataset", "folders"]), help="How media are laid out."
)
@click.option("--jobs", type=click.IntRange(min=1), help="Shards written at once; changes no byte.")
@click.option("--seed", type=int, help="Decides between splits that are equally good.")
@as_json
def release(
    directory: Path,
    version: str,
    scope: str | None,
    clips: bool | None,
    splits: dict[str, float] | None,
    folds: str | None,
    fixed: Path | None,
    resplit: bool,
    group_by: str | None,
    balance: str | None,
    split_time: float | None,
    min_raters: int | None,
    file_format: str | None,
    jobs: int | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Release what may be released of the corpus in DIR into DIR/releases/VERSION.

    Only utterances whose speaker consents and that have a label go out, in splits that share no speaker. Whoever is in
    an earlier version stays in their split. Options take the place of the settings in
    corpus.toml. A release never changes: each VERSION (such as 1.0.0) is used once.

    \b
    Example:
      sdme release study 1.0.0
      sdme release study 1.1.0 --scope research --splits train=.8,test=.2 --group-by participant
      sdme release study 2.0.0 --folds 5 --balance duration,gender
      sdme release study 3.0.0 --folds session --fixed test_speakers.csv
    """
    from sdme_tools.audit.judge import VoteJudge
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.release.build import build_release

    given: dict[str, object] = {
        "scope": scope,
        "clips": clips,
        "splits": splits,
        "min_raters": min_raters,
        "seed": seed,
    }
    given |= {"group_by": _list(group_by), "balance": _list(balance), "folds": folds, "split_time_s": split_time}
    given |= {"fixed": str(fixed.absolute()) if fixed else None, "keep_splits": False if resplit else None}
    given |= {"format": file_format, "jobs": jobs}
    overrides = {name: value for name, value in given.items() if value is not None}
    with _progress() as show:
        built = build_release(Corpus.open(directory), version, overrides, judge=VoteJudge(), on_progress=show)
    if as_json:
        print_json({"folder": built.folder, "manifest": built.manifest, "division": built.division})
    else:
        _print(built)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    from sdme_tools.cli.console import talk_console

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    console = talk_console()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("shards and tables", total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


def _list(text: str | None) -> tuple[str, ...] | None:
    """Read names with commas between them; "" = none."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _print(built: "Release") -> None:
    from sdme_tools.cli.console import data_console, format_duration, make_table
    from sdme_tools.release.rows import REASONS

    manifest = built.manifest
    rows = [
        (split.value, part.num_utterances, part.num_speakers, format_duration(part.duration_ms), *part.labels.values())
        for split, part in manifest.splits.items()
    ]
    console = data_console()
    console.print(make_table(None, ("split", "utterances", "speakers", "h:mm:ss", *manifest.labels), rows))
    if manifest.excluded:
        left_out = [(reason, count, REASONS[reason]) for reason, count in manifest.excluded.items()]
        console.print()
        console.print(make_table(None, ("left out because", "utterances", "cure"), left_out))
    _print_division(built.division)
    num_released = manifest.num_seen - sum(manifest.excluded.values())
    num_bytes = sum(file.size_bytes for file in manifest.files)
    click.echo(f"{num_released} of {manifest.num_seen} utterances, {num_bytes / 1e6:.1f} MB: {built.folder}", err=True)
    click.echo(f'load it with datasets.load_dataset("{built.folder}"), or data/*.parquet with any reader', err=True)


def _print_division(report: "SplitReport") -> None:
    """Say how good the splits are, what they cost, and which compromises they are."""
    if report.deviations:
        worst = {name: report.worst(name) for name in ("utterances", "label=")}
        others = [row.of for row in report.deviations if not row.of.startswith(("utterances", "label="))]
        worst |= {name: report.worst(name) for name in dict.fromkeys(others)}
        told = ", ".join(f"{name.rstrip('=')} {value:.4f}" for name, value in worst.items())
        click.echo(f"farthest from the wished shares: {told}", err=True)
    bound = "" if report.bound is None else f"; none can be below {report.bound:.4f}"
    gap = "" if report.optimality_gap is None else f" (gap {report.optimality_gap:.0%})"
    click.echo(f"{len(report.groups)} groups that stay together; {report.method}{bound}{gap}", err=True)
    if report.fixing is not None:
        fixing = report.fixing
        click.echo(
            f"{fixing.num_utterances} utterances stand as in {fixing.source}: worst deviation {fixing.objective:.4f}, "
            f"had all been free {fixing.objective_if_free:.4f}",
            err=True,
        )
    for note in report.notes:
        click.echo(f"note: {note}", err=True)
