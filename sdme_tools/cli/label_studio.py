"""`sdme label-studio`: a server for raters, of the corpus' own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from sdme_tools.cli.arguments import as_json, corpus_dir


@click.group("label-studio")
def label_studio() -> None:
    """Run a Label Studio server for raters, on this machine and for it alone.

    \b
    sdme label-studio up study        install it once, start it, wait until it answers
    sdme label-studio status study    whether it runs, where its log lies
    sdme label-studio down study      end it; accounts, tasks and answers stay
    """


_home = click.option(
    "--data", "home", type=click.Path(path_type=Path, file_okay=False), help="Where the server keeps everything."
)


@label_studio.command("up")
@corpus_dir
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="On 127.0.0.1 only.")
@_home
def up(directory: Path, port: int, home: Path | None) -> None:
    """Start the server of the corpus in DIR; one that runs already is left alone.

    The first time it is installed into an environment of its own (about 800 MB) and makes its database (half a minute).
    It reports nothing to anybody, lets nobody sign up without an invitation, and reads of the corpus only the media of
    rounds. Address, account and token are written to a file that only you can read, outside the corpus. Where
    corpus.toml says media = "s3", it is started with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of your environment.

    \b
    Example:
      sdme label-studio up study
      sdme label-studio up study --port 9000
    """
    from sdme_tools.annotation.server import start_server
    from sdme_tools.corpus.corpus import Corpus

    corpus = Corpus.open(directory)
    with_bucket = corpus.config.label_studio.media == "s3"
    with _waiting() as talk:
        started = start_server(corpus.root, port=port, home=home, with_bucket=with_bucket, talk=talk)
    click.echo(started.connection.url)
    click.echo(f"account, password and token: {started.file}", err=True)
    click.echo("next:", err=True)
    click.echo(f"  sdme doctor {directory}              is it fit for raters?", err=True)
    click.echo(f"  sdme round push {directory} ROUND    bring a round to it", err=True)


@contextmanager
def _waiting() -> Iterator[Callable[[str], None]]:
    from sdme_tools.cli.console import talk_console

    with talk_console().status("starting the server") as status:
        yield status.update


@label_studio.command("down")
@corpus_dir
@_home
def down(directory: Path, home: Path | None) -> None:
    """End the server of the corpus in DIR; everything in it stays for the next `up`.

    \b
    Example:
      sdme label-studio down study
    """
    from sdme_tools.annotation.server import stop_server
    from sdme_tools.corpus.corpus import Corpus

    ended = stop_server(Corpus.open(directory).root, home=home)
    click.echo("the server has ended" if ended else "no server was running", err=True)


@label_studio.command("status")
@corpus_dir
@_home
@as_json
def status(directory: Path, home: Path | None, as_json: bool) -> None:
    """Tell whether the server of the corpus in DIR runs; the exit status is 1 if it does not.

    \b
    Example:
      sdme label-studio status study
    """
    import sys

    from sdme_tools.annotation.server import examine_server
    from sdme_tools.cli.console import data_console, make_table, print_json
    from sdme_tools.corpus.corpus import Corpus

    state = examine_server(Corpus.open(directory).root, home=home)
    if as_json:
        print_json(state)
    else:
        stands = "runs" if state.is_healthy else "runs and does not answer" if state.is_running else "does not run"
        rows = [(stands, state.url, state.pid, state.log)]
        data_console().print(make_table(None, ("server", "address", "process", "log"), rows))
    sys.exit(0 if state.is_healthy else 1)
