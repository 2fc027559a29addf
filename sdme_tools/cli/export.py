"""`sdme export`: the tables for the tools that people know."""

from pathlib import Path

import click

from sdme_tools.cli.arguments import as_json, corpus_dir


@click.command()
@corpus_dir
@click.option("--format", "form", required=True, type=click.Choice(["rttm", "vtt", "textgrid", "elan", "csv"]))
@click.option("--out", required=True, metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False))
@click.option("--recording", "recordings", multiple=True, metavar="ID", help="Only this recording; repeatable.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
@as_json
def export(directory: Path, form: str, out: Path, recordings: tuple[str, ...], overwrite: bool, as_json: bool) -> None:
    """Write the utterances of the corpus in DIR for other programs: a file a recording in FOLDER (csv: one for all).

    rttm for diarization tools, vtt for players, textgrid for Praat, elan for ELAN (the video is linked by its place
    relative to FOLDER), csv for everything else. Speakers are participants, else the recording's voices, else unknown;
    texts are as people corrected them. To correct texts and bring them back use `sdme transcripts`.

    \b
    Example:
      sdme export study --format elan --out elan
      sdme export study --format rttm --recording dinner-1 --out rttm
    """
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.stages.exchange.build import export_corpus

    report = export_corpus(Corpus.open(directory), out, form, recording_ids=recordings, overwrite=overwrite)
    if as_json:
        print_json(report)
        return
    for file in report.files:
        click.echo(file)
    click.echo(f"{report.num_utterances} utterances in {len(report.files)} files", err=True)
    if report.without_utterances:
        click.echo(f"without utterances: {', '.join(report.without_utterances)}", err=True)
