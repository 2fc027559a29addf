"""Writing files for other programs: the door of exchange; reads the corpus, writes into a folder of the user's."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import replacing, write_text
from sdme_tools.corpus.view import RecordingView, choose_recordings, read_labels, read_view
from sdme_tools.errors import CorpusError, raise_together
from sdme_tools.records.base import Record
from sdme_tools.stages.exchange.formats import render_captions, render_rttm, render_table

FORMATS = {"rttm": ".rttm", "vtt": ".vtt", "textgrid": ".TextGrid", "elan": ".eaf", "csv": ".csv"}
"""Format -> suffix; csv is one file for all recordings."""


class ExchangeReport(Record):
    """What was written."""

    files: tuple[str, ...]
    num_utterances: int
    without_utterances: tuple[str, ...]
    """Recordings of which there is nothing to tell; they have no file."""


def export_corpus(
    corpus: Corpus, folder: Path, form: str, *, recording_ids: Sequence[str] = (), overwrite: bool = False
) -> ExchangeReport:
    """Write the utterances of the named recordings (all where none is named) in one of `FORMATS`.

    Raises:
        CorpusError: an unknown recording, nothing to write, a file that is there already, a damaged table, or the
            folder cannot be written.
    """
    labels = read_labels(corpus)
    views = [read_view(corpus, name, labels) for name in choose_recordings(corpus, tuple(recording_ids))]
    told = [view for view in views if view.utterances]
    if not told:
        raise CorpusError(
            f"{corpus.root}: there are no utterances to write", cure=f"run `sdme run {corpus.root}` first"
        )
    names = ["utterances"] if form == "csv" else [view.recording.recording_id for view in told]
    paths = [folder / f"{name}{FORMATS[form]}" for name in names]
    if not overwrite:
        there = [path.name for path in paths if path.exists()]
        cure = "choose another folder, or give --overwrite"
        raise_together(
            CorpusError, f"{folder}: files are there already, perhaps with notes of yours:", there, cure=cure
        )
    if form == "csv":
        write_text(paths[0], render_table(told))
    else:
        for path, view in zip(paths, told, strict=True):
            with replacing(path) as temporary:
                _WRITERS[form](view, temporary, folder)
    return ExchangeReport(
        files=tuple(str(path) for path in paths),
        num_utterances=sum(len(view.utterances) for view in told),
        without_utterances=tuple(view.recording.recording_id for view in views if not view.utterances),
    )


def _write_rttm(view: RecordingView, path: Path, folder: Path) -> None:
    del folder
    path.write_text(render_rttm(view), encoding="utf-8", newline="\n")


def _write_vtt(view: RecordingView, path: Path, folder: Path) -> None:
    del folder
    path.write_text(render_captions(view), encoding="utf-8", newline="\n")


def _write_textgrid(view: RecordingView, path: Path, folder: Path) -> None:
    from sdme_tools.stages.exchange.textgrid import write_textgrid

    del folder
    write_textgrid(view, path)


def _write_elan(view: RecordingView, path: Path, folder: Path) -> None:
    from sdme_tools.stages.exchange.elan import write_eaf

    write_eaf(view, path, folder)


_WRITERS: dict[str, Callable[[RecordingView, Path, Path], None]] = {
    "rttm": _write_rttm,
    "vtt": _write_vtt,
    "textgrid": _write_textgrid,
    "elan": _write_elan,
}
