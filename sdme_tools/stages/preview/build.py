"""Writing the pictures: the door of previews, which reads the corpus and writes into a folder of the user's."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import replacing
from sdme_tools.corpus.view import RecordingView, UtteranceView, choose_recordings, read_labels, read_view
from sdme_tools.errors import CorpusError, SdmeError, raise_together
from sdme_tools.records.base import Record
from sdme_tools.stages.preview.glimpses import look
from sdme_tools.stages.preview.picture import draw_utterance
from sdme_tools.stages.preview.sheet import ROWS_A_PAGE, SheetRow, draw_sheet, make_row
from sdme_tools.stages.preview.style import drawing


class PreviewFailure(Record):
    """A recording that could not be drawn."""

    recording_id: str
    what: str
    cure: str | None


class PreviewReport(Record):
    """What was drawn."""

    sheets: tuple[str, ...]
    pictures: tuple[str, ...]
    without_utterances: tuple[str, ...]
    """Recordings in which there is nothing to draw."""
    failures: tuple[PreviewFailure, ...]


@dataclass(frozen=True)
class _Job:
    view: RecordingView
    chosen: tuple[UtteranceView, ...]


def draw_previews(
    corpus: Corpus,
    folder: Path,
    *,
    utterance_ids: Sequence[str] = (),
    recording_ids: Sequence[str] = (),
    on_plan: Callable[[int], None] = lambda _: None,
    on_picture: Callable[[str], None] = lambda _: None,
) -> PreviewReport:
    """Draw utterances (all of the named recordings, or all there are, where none is named) and contact sheets.

    Writes <recording_id>/<utterance_id>.png, and <recording_id>/contact_01.png … where whole recordings are drawn. A
    recording that cannot be read never stops the rest. `on_plan` hears how many utterances there are, `on_picture` of
    each as it is drawn.

    Raises:
        CorpusError: an id is not in the corpus, nothing is there to draw, or the folder cannot be written.
    """
    jobs = list(_plan(corpus, utterance_ids, recording_ids))
    on_plan(sum(len(job.chosen) for job in jobs))
    pictures: list[str] = []
    sheets: list[str] = []
    failures: list[PreviewFailure] = []
    for job in jobs:
        try:
            with drawing():
                _draw_recording(job, folder, not utterance_ids, pictures, sheets, on_picture)
        except CorpusError:  # the folder cannot be written: true of all that follow
            raise
        except SdmeError as error:
            name = job.view.recording.recording_id
            failures.append(PreviewFailure(recording_id=name, what=error.what, cure=error.cure))
    return PreviewReport(
        sheets=tuple(sheets),
        pictures=tuple(pictures),
        without_utterances=tuple(job.view.recording.recording_id for job in jobs if not job.chosen),
        failures=tuple(failures),
    )


def _plan(corpus: Corpus, utterance_ids: Sequence[str], recording_ids: Sequence[str]) -> Iterator[_Job]:
    labels, wanted = read_labels(corpus), set(utterance_ids)
    views = [read_view(corpus, name, labels) for name in choose_recordings(corpus, tuple(recording_ids))]
    known = {u.utterance.utterance_id for view in views for u in view.utterances}
    cure = f"ids stand in `sdme transcripts export {corpus.root}` and in recordings/*/utterances.jsonl"
    raise_together(CorpusError, f"{corpus.root}: no such utterances:", sorted(wanted - known), cure=cure)
    if not known:
        raise CorpusError(f"{corpus.root}: there are no utterances to draw", cure=f"run `sdme run {corpus.root}` first")
    for view in views:
        chosen = tuple(u for u in view.utterances if not wanted or u.utterance.utterance_id in wanted)
        if chosen or not wanted:
            yield _Job(view, chosen)


def _draw_recording(
    job: _Job, folder: Path, with_sheet: bool, pictures: list[str], sheets: list[str], on_picture: Callable[[str], None]
) -> None:
    place = folder / job.view.recording.recording_id
    rows: list[SheetRow] = []
    num_pages = -(-len(job.chosen) // ROWS_A_PAGE)
    for number, sight in enumerate(look(job.view, job.chosen), start=1):
        path = place / f"{sight.view.utterance.utterance_id}.png"
        with replacing(path) as temporary:
            draw_utterance(sight, temporary)
        pictures.append(str(path))
        rows.append(make_row(sight, number))
        if with_sheet and (len(rows) == ROWS_A_PAGE or number == len(job.chosen)):
            sheets.append(_draw_page(rows, place, job, len(sheets_of(sheets, place)) + 1, num_pages))
            rows = []
        on_picture(sight.view.utterance.utterance_id)


def sheets_of(sheets: Sequence[str], place: Path) -> list[str]:
    """The pages that are drawn of one recording."""
    return [sheet for sheet in sheets if Path(sheet).parent == place]


def _draw_page(rows: Sequence[SheetRow], place: Path, job: _Job, number: int, num_pages: int) -> str:
    num_bound = sum(u.binding is not None and u.binding.track_id is not None for u in job.chosen)
    title = (
        f"{job.view.recording.recording_id}: {len(job.chosen)} utterances, {num_bound} bound to a face"
        f"      page {number} of {num_pages}"
    )
    path = place / f"contact_{number:02d}.png"
    with replacing(path) as temporary:
        draw_sheet(rows, title, temporary)
    return str(path)
