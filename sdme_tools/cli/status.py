"""`sdme status`: what is done, kept and dropped."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir

if TYPE_CHECKING:
    from sdme_tools.stages.status import CorpusStatus, StageStatus


@click.command()
@corpus_dir
@as_json
def status(directory: Path, as_json: bool) -> None:
    """Show recordings × stages, utterances kept and dropped by reason, hours and speakers of the corpus in DIR.

    \b
    Example:
      sdme status study
      sdme status study --json | jq .dropped
    """
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.stages.status import summarise_corpus

    found = summarise_corpus(Corpus.open(directory))
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: "CorpusStatus") -> None:
    from sdme_tools.cli.console import data_console, format_duration, make_table

    console = data_console()
    stages = list(found.recordings[0].stages) if found.recordings else []
    rows = [
        [r.recording_id, format_duration(r.duration_ms), *(_say(r.stages[name]) for name in stages)]
        for r in found.recordings
    ]
    console.print(make_table(None, ["recording", "length", *stages], rows))
    speech = format_duration(found.speech_ms)
    num_speakers = len(set(found.utterances_by_speaker) - {"unknown"})
    console.print(
        f"\n{len(found.recordings)} recordings, {format_duration(found.duration_ms)}; "
        f"{found.num_utterances} utterances, {speech} of speech, {num_speakers} speakers"
    )
    for title, counts in (
        ("utterances by speaker", found.utterances_by_speaker),
        ("bound to a face", found.bindings),
        ("dropped", found.dropped),
        ("below a gate of quality", found.failed_gates),
        ("transcripts in doubt", found.transcript_flags),
        ("transcripts edited by people", found.transcript_edits),
    ):
        if counts:
            console.print(f"{title}: " + ", ".join(f"{name} {number}" for name, number in counts.items()))
    for recording in found.recordings:
        lacking = [person for person, consent in recording.participants.items() if consent == "none"]
        if lacking:
            console.print(f"{recording.recording_id}: no consent recorded for {', '.join(lacking)}: not releasable")
        elif not recording.participants:
            console.print(f"{recording.recording_id}: no participants in recordings.csv: not releasable")
    console.print(f"rounds of votes: {found.num_rounds}; releases: {', '.join(found.releases) or 'none'}")


def _say(stage: "StageStatus") -> str:
    if stage.freshness == "missing":
        return "–"
    if stage.freshness == "failed":
        return f"✗ {stage.note}"
    dropped = f" (-{stage.num_dropped})" if stage.num_dropped else ""
    stale = " stale" if stage.freshness == "stale" else ""
    return f"{stage.num_kept}{dropped}{stale}"
