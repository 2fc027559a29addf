"""`sdme transcripts`: let people correct the words."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from sdme_tools.cli.arguments import as_json, corpus_dir

if TYPE_CHECKING:
    from sdme_tools.annotation.transcripts import EditImport


@click.group("transcripts")
def transcripts() -> None:
    """Let people correct the words."""


@transcripts.command("export")
@corpus_dir
@click.option("--out", required=True, metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "form", type=click.Choice(["csv", "vtt"]), default="csv", show_default=True)
@click.option("--recording", "recordings", multiple=True, metavar="ID", help="Only this recording; repeatable.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
@as_json
def export(
    directory: Path, out: Path, form: Literal["csv", "vtt"], recordings: tuple[str, ...], overwrite: bool, as_json: bool
) -> None:
    """Write the texts of the corpus in DIR to FOLDER for people to edit: one transcripts.csv, or a .vtt a recording.

    In the CSV change the column text only. Cells that a spreadsheet would take for formulas are written with an
    apostrophe before them; leave it or take it away. Spreadsheets turn texts like 1-2 into dates: where there are such,
    import the column text as text, or use vtt.

    \b
    Example:
      sdme transcripts export study --out to_correct
      sdme transcripts export study --format vtt --recording dinner-1 --out to_correct
    """
    from sdme_tools.annotation.transcripts import export_transcripts
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus

    report = export_transcripts(Corpus.open(directory), out, form=form, recording_ids=recordings, overwrite=overwrite)
    if as_json:
        print_json(report)
        return
    for file in report.files:
        click.echo(file)
    click.echo(f"{report.num_utterances} utterances, {report.num_edited} of them edited before", err=True)
    if report.untranscribed:
        click.echo(f"not transcribed yet: {', '.join(report.untranscribed)}", err=True)


@transcripts.command("import")
@corpus_dir
@click.argument("files", metavar="FILES…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--editor", metavar="ID", help="Pseudonym of who corrected the texts; kept with each edit.")
@click.option("--confirm", is_flag=True, help="Edits left as they are fit the machine's text, should it have changed.")
@as_json
def import_(directory: Path, files: tuple[Path, ...], editor: str | None, confirm: bool, as_json: bool) -> None:
    """Take corrected texts (.csv or .vtt) into the corpus in DIR, apart from the machine's own.

    Only what was changed becomes an edit; a text put back to the machine's takes its edit away; an empty text says that
    nothing is spoken. Times and speakers in the files are not read. All files are checked first; if anything is wrong,
    nothing is taken. A later `sdme run` leaves edits alone, and what counts downstream is the edit.

    \b
    Example:
      sdme transcripts import study to_correct/transcripts.csv --editor e01
    """
    from sdme_tools.annotation.transcripts import import_transcripts
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus

    report = import_transcripts(Corpus.open(directory), files, editor=editor, confirm=confirm)
    if as_json:
        print_json(report)
    else:
        _print(report)


def _print(report: "EditImport") -> None:
    from sdme_tools.cli.console import data_console, make_table

    columns = ("lines", "new edits", "changed", "taken away", "as they were", "emptied")
    figures = (report.num_lines, report.num_new, report.num_changed, report.num_removed, report.num_unchanged)
    data_console().print(make_table(None, columns, [(*figures, report.num_emptied)]))
    if report.num_times_moved:
        click.echo(
            f"{report.num_times_moved} cues have other times than their utterances; times are not read", err=True
        )
    if report.outdated:
        click.echo("the machine's text has changed under these edits; `sdme explain` shows both:", err=True)
        click.echo("  " + "\n  ".join(report.outdated), err=True)
