"""certificate.json: what the release proves of itself, gathered while it is built."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sdme_tools import __version__
from sdme_tools.errors import ReleaseError, raise_together
from sdme_tools.records.certificate import (
    About,
    Certificate,
    Pictures,
)
from sdme_tools.records.release import ReleaseFile, ReleaseRow
from sdme_tools.records.splitting import GroupKey, GroupLink, SplitGroup, SplitReport
from sdme_tools.release.content import ReleaseContent
from sdme_tools.release.evidence import Evidence, Judge
from sdme_tools.release.figures import find_leaks, measure_figures
from sdme_tools.release.proof import MeasuredRow, ReleasedVote
from sdme_tools.release.split import find_groups


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
    about, report = make_about(content), describe_division(content)
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


def describe_division(content: ReleaseContent) -> SplitReport:
    """What may not be parted, and where it went."""
    if content.division.report is not None:
        return content.division.report
    keys = [GroupKey(key) for key in content.settings.group_by]
    splits = content.division.splits
    groups = []
    for number, members in enumerate(find_groups(content.rows, content.settings.group_by)):
        mine = [content.rows[place] for place in members]
        links = (_link(key, mine) for key in keys)
        groups.append(
            SplitGroup(
                group_id=f"g{number}",
                split=splits[mine[0].utterance_id],
                num_utterances=len(mine),
                speakers=tuple(sorted({row.speaker_id for row in mine})),
                links=tuple(link for its in links for link in its),
            )
        )
    return SplitReport(
        method="search",
        seed=content.settings.seed,
        time_limit_s=0,
        optimality_gap=None,
        deviations=(),
        groups=tuple(groups),
    )


def _link(key: GroupKey, rows: Sequence[ReleaseRow]) -> Iterable[GroupLink]:
    named = {"participant": "speaker_id", "recording": "recording_id", "session": "session_id"}
    for value, count in sorted(Counter(getattr(row, named[key.value]) for row in rows).items()):
        yield GroupLink(key=key, value=value, num_utterances=count)
