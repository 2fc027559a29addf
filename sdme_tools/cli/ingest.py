"""`sdme ingest`: take raw recordings into a corpus."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir

if TYPE_CHECKING:
    from sdme_tools.records.recording import Participant
    from sdme_tools.stages.intake import Intake


@click.command()
@corpus_dir
@click.argument("files", metavar="FILES…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--copy", is_flag=True, help="Copy the files into the corpus; otherwise they stay where they are.")
@as_json
def ingest(directory: Path, files: tuple[Path, ...], copy: bool, as_json: bool) -> None:
    """Enter FILES as recordings of the corpus in DIR: probed, hashed, with their participants and consent.

    A file that is known by its content is noted, not doubled; new rows of recordings.csv are taken over. A file that
    cannot be used is refused with the reason, and the others go on; then the exit status is 1.

    \b
    Example:
      sdme ingest study videos/*.mp4
      sdme ingest study /mnt/camera/take1.mov --copy
    """
    from sdme_tools.cli.console import print_json, talk_console
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.stages.intake import ingest_files

    corpus = Corpus.open(directory)
    talk = talk_console()

    def say(intake: "Intake") -> None:
        talk.print(f"{intake.status:<8} {intake.file}", markup=False)
        if intake.what:
            talk.print(f"         {intake.what}", markup=False)
        if intake.cure:
            talk.print(f"         cure: {intake.cure}", markup=False)

    intakes = ingest_files(corpus, files, copy=copy, on_intake=say)
    if as_json:
        print_json(intakes)
    else:
        _print(corpus.participants(), intakes)
    sys.exit(1 if any(intake.status == "refused" for intake in intakes) else 0)


def _print(people: "dict[str, Participant]", intakes: "list[Intake]") -> None:
    from sdme_tools.cli.console import data_console, format_duration, make_table

    rows = []
    for recording in (intake.recording for intake in intakes if intake.recording is not None):
        video, audio = recording.video, recording.audio
        rate = "" if video is None else f"{video.fps:.2f}{' variable' if video.is_variable_rate else ''}"
        seated = [
            f"{p.participant_id} ({people[p.participant_id].consent if p.participant_id in people else 'none'})"
            for p in recording.participants
        ]
        rows.append([
            recording.recording_id,
            format_duration(recording.duration_ms),
            f"{video.codec} {video.width_px}×{video.height_px}" if video else "none",
            rate,
            f"{audio.codec} {audio.rate_hz} Hz × {audio.num_channels}" if audio else "none",
            ", ".join(seated) or "nobody listed",
        ])  # fmt: skip
    columns = ["recording", "length", "video", "fps", "audio", "participants (consent)"]
    data_console().print(make_table(None, columns, rows))
