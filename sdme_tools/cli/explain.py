"""`sdme explain`: the lineage of an utterance."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir

if TYPE_CHECKING:
    from sdme_tools.corpus.lineage import Lineage
    from sdme_tools.records.quality import UtteranceQuality


@click.command()
@corpus_dir
@click.argument("utterance_id", metavar="ID")
@as_json
def explain(directory: Path, utterance_id: str, as_json: bool) -> None:
    """Show everything known of utterance ID: raw file, face, words, clips, votes, and what each was made with.

    \b
    Example:
      sdme explain study dinner-1_1200_4350
    """
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.corpus.lineage import explain_utterance

    lineage = explain_utterance(Corpus.open(directory), utterance_id)
    if as_json:
        print_json(lineage)
    else:
        for name, text in _describe(lineage):
            click.echo(f"{name:<12}{text}")


def _name_speaker(lineage: "Lineage") -> str:
    named = lineage.binding.speaker_id if lineage.binding else None
    if named or lineage.speaker_id is None:
        return named or "unknown"
    return f"{lineage.speaker_id} (recordings.csv names nobody; see `sdme speakers list`)"


def _describe(lineage: "Lineage") -> Iterator[tuple[str, str]]:
    recording, utterance = lineage.recording, lineage.utterance
    yield "recording", f"{recording.recording_id}: {recording.source} (sha256 {recording.sha256[:16]}…)"
    yield "span", f"{utterance.span}, {utterance.speech_ms} ms of speech, {utterance.overlap_ms} ms of overlap"
    if lineage.binding is not None:
        binding = lineage.binding
        yield "speaker", _name_speaker(lineage)
        score = "" if binding.score is None else f", score {binding.score:.2f}, margin {binding.margin or 0:.2f}"
        yield "face", f"{binding.track_id or 'none'} ({binding.reason}{score})"
    if lineage.face is not None:
        quality = lineage.face.quality
        yield (
            "",
            f"{quality.median_size_px} px, seen in {quality.detected_share:.0%}, frontal {quality.frontal_share:.0%}",
        )
    if lineage.quality is not None:
        yield from _describe_quality(lineage.quality)
    if lineage.transcript is not None:
        yield from _describe_text(lineage)
        yield "", f"language {lineage.transcript.language}, doubts: {', '.join(lineage.transcript.flags) or 'none'}"
    if lineage.clip is not None:
        for file in (lineage.clip.clip, lineage.clip.voice, lineage.clip.face):
            if file is not None:
                yield "file", f"recordings/{recording.recording_id}/{file.path} ({file.size_bytes:,} bytes)"
    for verdict in lineage.rounds:
        for consensus in verdict.consensus:
            votes = ", ".join(f"{label} {number}" for label, number in consensus.distribution.items() if number)
            yield "votes", f"round {verdict.round_id}, {consensus.condition}: {votes or 'none'}"
            yield "label", f"{consensus.label or 'none'} ({consensus.method}: {consensus.reason})"
    for stage, receipt in lineage.receipts.items():
        source = receipt.basis.backend
        backend = (
            f"{source.backend} {source.version}, weights {(source.weights or 'none')[:16]}" if source else "no model"
        )
        yield "made by", f"{stage}: {backend}, fingerprint {receipt.fingerprint[:16]}"


def _describe_text(lineage: "Lineage") -> Iterator[tuple[str, str]]:
    wording = lineage.wording
    if wording is None or wording.edit is None:
        yield "text", lineage.transcript.text if lineage.transcript and lineage.transcript.text else "(none recognised)"
        return
    yield "text", f"{wording.text or '(no words)'} (written by {wording.edit.editor or 'a person'})"
    changed = "; it has changed since that person saw it: look again" if wording.is_outdated else ""
    yield "", f"the machine's: {wording.machine_text or '(none recognised)'}{changed}"


def _describe_quality(quality: "UtteranceQuality") -> Iterator[tuple[str, str]]:
    voice, face = quality.voice, quality.face
    yield (
        "voice",
        f"{_say(voice.snr_db, 'dB')} over noise, {_say(voice.loudness_lufs, 'LUFS')}, up to "
        f"{_say(voice.bandwidth_hz, 'Hz')}, {voice.clipped_share:.1%} clipped",
    )
    if face is not None:
        yield (
            "face",
            f"{face.median_size_px} px, seen in {face.seen_share:.0%}, yaw {_say(face.median_yaw_deg, '°')}, "
            f"brightness {_say(face.brightness)}, mouth hidden in {_say(face.mouth_hidden_share)}",
        )
    if quality.failed_gates:
        yield "left out", f"fails {', '.join(quality.failed_gates)} of [quality]"


def _say(value: float | None, unit: str = "") -> str:
    return "?" if value is None else f"{value:g} {unit}".rstrip()
