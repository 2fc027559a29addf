"""`sdme`: the commands, loaded when they are called, and the one place where errors become words."""

import importlib
import sys
from typing import NoReturn

import click

from sdme_tools import __version__
from sdme_tools.errors import SdmeError

COMMANDS = {
    "init": ("init:init", "Make a new corpus folder."),
    "ingest": ("ingest:ingest", "Take raw recordings into a corpus."),
    "run": ("run:run", "Segment, find faces, bind, transcribe and cut clips."),
    "status": ("status:status", "Show what is done, kept and dropped."),
    "explain": ("explain:explain", "Show everything known of an utterance."),
    "preview": ("preview:preview", "Draw pictures in which a person sees whether binding is right."),
    "transcripts": ("transcripts:transcripts", "Let people correct the words."),
    "speakers": ("speakers:speakers", "Find the same person in several recordings."),
    "round": ("round:round_", "Make rounds of annotation and watch them."),
    "raters": ("raters:raters", "Give raters pseudonyms and accounts."),
    "label-studio": ("label_studio:label_studio", "Run a server for raters."),
    "votes": ("votes:votes", "Bring in labels that people gave."),
    "agreement": ("agreement:agreement", "Measure how far raters agree."),
    "consensus": ("consensus:consensus", "Make labels of votes, by a method of your choice."),
    "export": ("export:export", "Write RTTM, WebVTT, Praat, ELAN or CSV files."),
    "release": ("release:release", "Write Parquet shards by speaker-disjoint splits."),
    "train": ("train:train", "Train a reference network on a release."),
    "validate": ("validate:validate", "Judge by trained networks whether a corpus holds."),
    "audit": ("audit:audit", "Find defects in a corpus, a release, or any folder of clips."),
    "audit-splits": ("audit_splits:audit_splits", "Check anybody's splits for leaks."),
    "models": ("models:models", "Fetch and list model files."),
    "doctor": ("doctor:doctor", "Check this machine and a corpus; tell what to cure."),
    "schema": ("schema:schema", "Write the JSON Schemas of the corpus' files."),
}
"""Name -> where the command lies, and its line of help: `sdme --help` imports no command."""

EXTRA_OF = {
    "ingest": "extract",
    "run": "extract",
    "preview": "look",
    "export": "look",
    "release": "release",
    "train": "train",
    "validate": "train",
    "audit": "extract,release",
    "audit-splits": "release",
    "models": "extract",
    "speakers": "identity",
    "round": "annotate",
    "agreement": "annotate",
    "consensus": "annotate",
    "raters": "annotate",
    "label-studio": "annotate",
}
"""Command -> the extra that it cannot do without."""


class LazyGroup(click.Group):
    """A group that imports a command's file only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order in which a corpus needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is no such."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(f"sdme_tools.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sdme")
def cli() -> None:
    """From raw interaction video to an emotion corpus that others can train on.

    \b
    sdme init study                      settings and two sheets to fill in
    sdme ingest study videos/*.mp4       recordings, checked and hashed
    sdme run study                       utterances, faces, words, clips
    sdme votes import study votes.csv    labels that people gave
    sdme release study 1.0.0             Parquet that anyone's loader reads
    sdme train study/releases/1.0.0      does the corpus hold?
    """


def main() -> None:
    """Run the command line; a user's mistake ends in words, never in a traceback."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; what was finished is kept, the same command goes on", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)  # the reader of our output has gone, as `| head` does
    except SdmeError as error:
        _fail(error.what, error.cure)
    except ModuleNotFoundError as error:
        command = next((word for word in sys.argv[1:] if word in COMMANDS), "")
        if command not in EXTRA_OF or (error.name or "").startswith("sdme_tools"):
            raise
        what = f"sdme {command} needs the package {error.name}, which is not installed"
        _fail(what, f"install it: pip install 'sdme-tools[{EXTRA_OF[command]}]'")


def _fail(what: str, cure: str | None) -> NoReturn:
    click.echo(f"error: {what}", err=True)
    if cure:
        click.echo(f"cure: {cure}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
