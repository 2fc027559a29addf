"""`sdme preview`: pictures in which a person sees whether binding is right."""

import sys
from pathlib import Path

import click

from sdme_tools.cli.arguments import as_json, corpus_dir


@click.command()
@corpus_dir
@click.argument("utterance_ids", metavar="[ID…]", nargs=-1)
@click.option("--recording", "recordings", multiple=True, metavar="ID", help="Only this recording; repeatable.")
@click.option("--out", required=True, metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False))
@as_json
def preview(
    directory: Path, utterance_ids: tuple[str, ...], recordings: tuple[str, ...], out: Path, as_json: bool
) -> None:
    """Draw a picture of each utterance (or of those with an ID) of the corpus in DIR, and contact sheets.

    A picture shows who is taken to speak and why, frames and close-ups of every face over time, how much each talks,
    and, on the same time axis, waveform with words and spectrogram: where the voice is loud, the speaker's mouth should
    move. Pictures show faces: FOLDER must be as well kept as the recordings.

    \b
    Example:
      sdme preview study --recording dinner-1 --out look
      sdme preview study dinner-1_1200_4350 --out look
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from sdme_tools.cli.console import print_json, talk_console
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.stages.preview.build import draw_previews

    corpus = Corpus.open(directory)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("utterances"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=talk_console()) as progress:
        task = progress.add_task("", total=None, visible=False)
        report = draw_previews(
            corpus,
            out,
            utterance_ids=utterance_ids,
            recording_ids=recordings,
            on_plan=lambda total: progress.update(task, total=total, visible=True),
            on_picture=lambda _: progress.advance(task),
        )
    if as_json:
        print_json(report)
    else:
        for path in report.sheets or report.pictures:
            click.echo(path)
        click.echo(f"{len(report.pictures)} pictures, {len(report.sheets)} contact sheets in {out}", err=True)
    for failure in report.failures:
        click.echo(f"✗ {failure.recording_id}: {failure.what}\n  cure: {failure.cure}", err=True)
    sys.exit(1 if report.failures else 0)
