"""`sdme run`: bring the stages up to date, with a progress bar and a table at the end."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir, device

if TYPE_CHECKING:
    from collections.abc import Callable

    from sdme_tools.stages.runner import Outcome, RunReport

STAGE_NAMES = ("segment", "faces", "speaking", "bind", "transcribe", "quality", "clips")


@click.command()
@corpus_dir
@click.option("--stage", "stages", multiple=True, type=click.Choice(STAGE_NAMES), help="Only this stage; repeatable.")
@click.option("--recording", "recordings", multiple=True, metavar="ID", help="Only this recording; repeatable.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes at a time. Default: one a core.")
@device
@as_json
def run(
    directory: Path, stages: tuple[str, ...], recordings: tuple[str, ...], jobs: int | None, device: str, as_json: bool
) -> None:
    """Run segment, faces, speaking, bind, transcribe, quality and clips for every recording of the corpus in DIR.

    What is up to date is left alone: after an interruption or a changed setting the same command does what is
    missing. One failing recording never stops the rest; the exit status is 1 if any failed.

    \b
    Example:
      sdme run study
      sdme run study --stage segment --stage faces --jobs 4
    """
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.stages.runner import run_stages

    corpus = Corpus.open(directory)
    num_recordings = len(set(recordings) or corpus.recording_ids())
    with _progress(num_recordings, len(set(stages) or STAGE_NAMES)) as show:
        report = run_stages(
            corpus, stage_names=stages, recording_ids=recordings, jobs=jobs, device=device, on_outcome=show
        )
    if as_json:
        print_json(report)
    else:
        _print(report)
    sys.exit(0 if report.succeeded else 1)


@contextmanager
def _progress(num_recordings: int, num_stages: int) -> "Iterator[Callable[[Outcome], None]]":
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from sdme_tools.cli.console import talk_console

    columns = (
        TextColumn("{task.fields[recordings]}/{task.fields[num_recordings]} recordings"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("stages {task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=talk_console()) as progress:
        num_units = num_recordings * num_stages
        task = progress.add_task("", total=num_units, rate="", recordings=0, num_recordings=num_recordings)
        ended: Counter[str] = Counter()
        media_ms = 0

        def show(outcome: "Outcome") -> None:
            nonlocal media_ms
            ended[outcome.recording_id] += 1
            if outcome.state == "done":
                media_ms += outcome.duration_ms
            elapsed = progress.tasks[task].elapsed or 0.0
            rate = f"{media_ms / 1000 / elapsed:.1f} media s/s" if elapsed > 0.5 else ""
            recordings = sum(number == num_stages for number in ended.values())
            progress.update(task, advance=1, rate=rate, recordings=recordings)
            if outcome.state in ("failed", "bug"):
                first_line = outcome.what.splitlines()[0]
                progress.console.print(f"✗ {outcome.recording_id} {outcome.stage}: {first_line}", markup=False)

        yield show


def _print(report: "RunReport") -> None:
    from rich.markup import escape

    from sdme_tools.cli.console import data_console, make_table, talk_console

    by_recording: dict[str, dict[str, Outcome]] = defaultdict(dict)
    for outcome in report.outcomes:
        by_recording[outcome.recording_id][outcome.stage] = outcome
    names = [name for name in STAGE_NAMES if any(name in row for row in by_recording.values())]
    rows = [[recording_id, *(_say(row.get(name)) for name in names)] for recording_id, row in by_recording.items()]
    data_console().print(make_table(None, ["recording", *names], rows))
    talk = talk_console()
    for what, cure in dict.fromkeys((o.what, o.cure) for o in report.outcomes if o.state == "failed"):
        talk.print(f"[red]✗[/] {escape(what)}" + (f"\n  cure: {escape(cure)}" if cure else ""))
    for outcome in report.outcomes:
        if outcome.state == "bug":
            talk.print(f"a bug in {outcome.stage}, on {outcome.recording_id}; please report it:", markup=False)
            talk.print(outcome.what, markup=False)


def _say(outcome: "Outcome | None") -> str:
    if outcome is None:
        return ""
    if outcome.state == "done":
        dropped = f", {outcome.num_dropped} dropped" if outcome.num_dropped else ""
        note = f" ({outcome.what})" if outcome.what else ""
        return f"{outcome.num_kept}{dropped}{note}"
    return {"fresh": "up to date", "blocked": f"– ({outcome.what})"}.get(outcome.state, "✗ failed")
