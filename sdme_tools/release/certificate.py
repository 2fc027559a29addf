"""certificate.json: what the release proves of itself, gathered while it is built."""

from collections.abc import Mapping, Sequence

from sdme_tools import __version__
from sdme_tools.errors import ReleaseError, raise_together
from sdme_tools.records.certificate import (
    About,
    Certificate,
    Pictures,
)
from sdme_tools.records.release import ReleaseFile
from sdme_tools.release.content import ReleaseContent
from sdme_tools.release.evidence import Evidence, Judge
from sdme_tools.release.figures import find_leaks, measure_figures
from sdme_tools.release.proof import MeasuredRow, ReleasedVote


def make_about(content: ReleaseContent) -> About:
    """What people say of the release."""
    settings = content.settings
    return About(
        name=content.corpus.name,
        version=content.version,
        scope=settings.scope,
        description=settings.description,
        collection=settings.collection,
        licence=settings.licence,
        creators=settings.creators,
        contact=settings.contact,
        labels=content.corpus.labels,
        cannot_tell=content.corpus.cannot_tell,
        group_by=settings.group_by,
        made_by=f"sdme_tools {__version__}",
    )


def make_certificate(
    content: ReleaseContent,
    evidence: Evidence,
    *,
    rows: Sequence[MeasuredRow],
    votes: Sequence[ReleasedVote],
    media: Mapping[str, Mapping[str, str]],
    pictures: Pictures,
    columns: dict[str, dict[str, str]],
    files: Sequence[ReleaseFile],
    judge: Judge | None,
) -> Certificate:
    """Measure the release that was written.

    Args:
        content: What it was made of.
        evidence: What only the corpus knows.
        rows: Its rows, read back.
        votes: Its votes, read back.
        media: Utterance -> media column -> SHA-256 of its bytes.
        pictures: What draws them.
        columns: Folder of tables -> column -> its type.
        files: Its tables, and proof.jsonl.
        judge: Measures agreement; None = it is not measured.

    Raises:
        ReleaseError: something stands in two splits that should not.
    """
    about, report = make_about(content), content.division.report
    leaks = find_leaks(rows, media, report, about.group_by)
    barred = [
        f"{leak.of}: {leak.num_shared} of {leak.num_compared}, such as {', '.join(leak.examples)}"
        for leak in leaks
        if leak.is_barred and leak.num_shared
    ]
    raise_together(ReleaseError, "the splits share what group_by says they do not:", barred)
    return Certificate(
        about=about,
        figures=measure_figures(rows, media, about.labels),
        agreement=judge.measure_agreement(votes, {r.utterance_id: r.speaker_id for r in rows}, about) if judge else (),
        division=report,
        leaks=leaks,
        balance=evidence.balance,
        rounds=evidence.rounds,
        corpus=evidence.state,
        pictures=pictures,
        columns=columns,
        files=tuple(files),
    )
