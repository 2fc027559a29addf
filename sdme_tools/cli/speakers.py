"""`sdme speakers`: the same person in several recordings."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir, device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sdme_tools.records.identity import ParticipantDoubt, SpeakerLink
    from sdme_tools.stages.speaker_links import LinkReport
    from sdme_tools.stages.speakers import SpeakerList


@click.group("speakers")
def speakers() -> None:
    """Find the same person in several recordings; machines propose, people decide.

    \b
    sdme speakers link study --sheet          who is probably whom, with pictures
    sdme speakers confirm study A B           yes, one person
    sdme speakers split study A B             no, two people
    sdme speakers merge study A p03           one person, whatever the machine says
    sdme speakers trust study p03             recordings.csv is right, whatever the machine says
    sdme speakers list study                  everybody, and what waits for a decision

    What recordings.csv says always wins: participants are never merged with one another.
    """


_a = click.argument("first", metavar="A")
_b = click.argument("second", metavar="B")


@speakers.command("link")
@corpus_dir
@click.option("--sheet", is_flag=True, help="Draw the contact sheet too.")
@device
@as_json
def link(directory: Path, sheet: bool, device: str, as_json: bool) -> None:
    """Compare the faces and voices of everybody in the corpus in DIR, and propose who is one person.

    Run it after `sdme run`; only recordings that are new or changed are looked at again. Proposals are made anew each
    time; what people decided stays. Needs `sdme models fetch identity` once.

    \b
    Example:
      sdme speakers link study --sheet
    """
    from sdme_tools.cli.console import print_json, talk_console
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.stages.speaker_links import link_speakers

    corpus = Corpus.open(directory)
    with talk_console().status("looking and listening") as status:
        report = link_speakers(corpus, device=device, on_recording=lambda name: status.update(f"{name} done"))
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if sheet:
        _draw(directory)


@speakers.command("list")
@corpus_dir
@as_json
def list_(directory: Path, as_json: bool) -> None:
    """Show everybody in the corpus in DIR, whom people decided to be one person, and what waits for a decision.

    \b
    Example:
      sdme speakers list study
      sdme speakers list study --json | jq '.open_links[] | select(.confidence > 0.9)'
    """
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.stages.speakers import list_speakers

    found = list_speakers(Corpus.open(directory))
    if as_json:
        print_json(found)
    else:
        _print_list(found)


@speakers.command("confirm")
@corpus_dir
@click.argument("pair", metavar="[A B]", nargs=-1)
@click.option("--at-least", type=click.FloatRange(0, 1), help="Confirm every open proposal at least this confident.")
def confirm(directory: Path, pair: tuple[str, ...], at_least: float | None) -> None:
    """Confirm that the proposed pair A B is one person; look at the contact sheet first.

    \b
    Example:
      sdme speakers confirm study dyad-d_f1 panel-4_f4
      sdme speakers confirm study --at-least 0.99
    """
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.stages.speakers import confirm_likely, confirm_link

    if (len(pair) == 2) == (at_least is not None) or len(pair) not in (0, 2):
        raise click.UsageError("name two speakers, or give --at-least")
    corpus = Corpus.open(directory)
    if at_least is None:
        click.echo(f"{pair[0]} and {pair[1]} are one person: {confirm_link(corpus, *pair)}")
        return
    done = confirm_likely(corpus, at_least)
    for pairing, why in done.refused.items():
        click.echo(f"not confirmed: {pairing}: {why}", err=True)
    click.echo(f"{len(done.links)} confirmed, {len(done.refused)} refused")


@speakers.command("merge")
@corpus_dir
@_a
@_b
def merge(directory: Path, first: str, second: str) -> None:
    """Decide that A and B are one person, proposed or not; B may be a participant of participants.csv.

    Refused, with the reason, where it contradicts recordings.csv, what is seen, or another decision.

    \b
    Example:
      sdme speakers merge study dyad-d_f1 p03
    """
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.stages.speakers import merge_speakers

    name = merge_speakers(Corpus.open(directory), first, second)
    click.echo(f"{first} and {second} are one person: {name}")


@speakers.command("split")
@corpus_dir
@_a
@_b
def split(directory: Path, first: str, second: str) -> None:
    """Decide that A and B are two people: a proposal is turned down, an earlier decision on the two undone.

    \b
    Example:
      sdme speakers split study dyad-d_f1 panel-4_f2
    """
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.stages.speakers import split_speakers

    split_speakers(Corpus.open(directory), first, second)
    click.echo(f"{first} and {second} are two people")


@speakers.command("trust")
@corpus_dir
@click.argument("participant")
def trust(directory: Path, participant: str) -> None:
    """Decide that recordings.csv is right about PARTICIPANT, whom machines found unlike in some recordings.

    \b
    Example:
      sdme speakers trust study p03
    """
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.stages.speakers import trust_rows

    rows = trust_rows(Corpus.open(directory), participant)
    click.echo(f"{participant} is {participant} in {', '.join(row.recording_id for row in rows)}")


@speakers.command("sheet")
@corpus_dir
def sheet(directory: Path) -> None:
    """Draw the contact sheet of everything that waits for a decision: DIR/identity/sheet_1.png and so on.

    \b
    Example:
      sdme speakers sheet study
    """
    _draw(directory)


def _draw(directory: Path) -> None:
    from sdme_tools.cli.console import talk_console
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.stages.speaker_sheet import draw_sheet

    with talk_console().status("drawing"):
        pages = draw_sheet(Corpus.open(directory))
    for page in pages:
        click.echo(f"drawn {page}", err=True)
    if not pages:
        click.echo("nothing to draw: no proposal waits for a decision", err=True)


def _print_report(report: "LinkReport") -> None:
    click.echo(
        f"{len(report.speakers)} speakers in {report.num_recordings} recordings ({report.num_embedded} anew), "
        f"{report.num_pairs} pairs compared",
        err=True,
    )
    for recording_id, why in report.skipped.items():
        click.echo(f"✗ {recording_id} left out: {why}", err=True)
    if report.num_recordings < 2:
        click.echo("one recording only: nobody can be met again", err=True)
    blind = [s.speaker_id for s in report.speakers if not s.num_faces and not s.voice_ms]
    if blind:
        click.echo(f"neither face nor voice to compare: {', '.join(blind)}", err=True)
    _print_lost(report.num_lost_decisions)
    _print_doubts(report.doubts)
    _print_links(report.links)
    rest = [
        f"{number} {what}"
        for number, what in (
            (report.num_implied, "follow from these"),
            (report.num_impossible, "alike, but told apart by what is seen or was decided"),
        )
        if number
    ]
    if rest:
        click.echo(f"further pairs: {', '.join(rest)}", err=True)


def _print_list(found: "SpeakerList") -> None:
    from sdme_tools.cli.console import data_console, format_duration, make_table

    columns = ("speaker", "known by", "also", "recordings", "utterances", "speech", "consent")
    rows = [
        (
            s.speaker_id,
            s.kind.value,
            ", ".join(name for name in s.members if name != s.speaker_id),
            ", ".join(s.recording_ids),
            s.num_utterances,
            format_duration(s.speech_ms),
            s.consent.value if s.consent else "–",
        )
        for s in found.speakers
    ]
    console = data_console()
    console.print(make_table(None, columns, rows))
    console.print()
    _print_lost(found.num_lost_decisions)
    _print_doubts(found.doubts)
    _print_links(found.open_links)


def _print_links(links: "Sequence[SpeakerLink]") -> None:
    from sdme_tools.cli.console import data_console, make_table

    if not links:
        click.echo("nothing waits for a decision", err=True)
        return
    columns = ("speaker", "speaker", "confidence", "face", "voice", "finding")
    rows = [
        (
            link.speaker_a,
            link.speaker_b,
            f"{link.confidence:.1%}",
            _say(link.face_similarity),
            _say(link.voice_similarity),
            f"{link.finding.value} {link.detail}".strip(),
        )
        for link in links
    ]
    data_console().print(make_table("to be decided", columns, rows))


def _print_doubts(doubts: "Sequence[ParticipantDoubt]") -> None:
    for doubt in doubts:
        cosines = [("face", doubt.face_similarity), ("voice", doubt.voice_similarity)]
        told = ", ".join(f"{name} {_say(cosine)}" for name, cosine in cosines if cosine is not None)
        click.echo(
            f"✗ {doubt.participant_id} looks or sounds like somebody else in {', '.join(doubt.recording_ids)} than in "
            f"{', '.join(doubt.elsewhere)} ({told}): is a row of recordings.csv wrong? "
            f"if not: sdme speakers trust",
            err=True,
        )


def _say(similarity: float | None) -> str:
    return "" if similarity is None else f"{similarity:.3f}"


def _print_lost(number: int) -> None:
    if number:
        click.echo(
            f"{number} decisions are not followed: nobody is found any more where they were made, or recordings.csv "
            "says otherwise; decide again",
            err=True,
        )
