"""What people cannot decide of two speakers: what recordings.csv, a picture or another decision forbids."""

from collections.abc import Iterable
from itertools import product

from sdme_tools.corpus.identity import LocalSpeaker, LocalSpeakers, SpeakerGroups
from sdme_tools.errors import ConfigError
from sdme_tools.stages.linking import find_unlisted


def require_mergeable(a: str, b: str, groups: SpeakerGroups, recordings: Iterable[LocalSpeakers]) -> None:
    """Check that two speakers, with all who are the same as they, can be one person.

    Args:
        a: a speaker.
        b: another.
        groups: what was decided so far, without any earlier decision on these two.
        recordings: everybody in each recording in which one of them appears; looked at one at a time.

    Raises:
        ConfigError: they are two participants, were decided to be different, are seen at the same time, or one is a
            participant whom recordings.csv does not list where the other is.
    """
    _require_one_participant(a, b, groups)
    _require_no_difference(a, b, groups)
    participant = groups.participant_of(a) or groups.participant_of(b)
    for people in recordings:
        _require_never_together(a, b, groups, people)
        _require_listed(a, b, groups, people, participant)


def _require_one_participant(a: str, b: str, groups: SpeakerGroups) -> None:
    first, second = groups.participant_of(a), groups.participant_of(b)
    if first and second and first != second:
        raise ConfigError(
            f"{a} and {b} cannot be one person: {_explain(a, first, groups)}, {_explain(b, second, groups)}, and "
            "participants.csv keeps the two apart",
            cure="if somebody was entered twice, mend participants.csv and recordings.csv and ingest again",
        )


def _explain(speaker_id: str, participant: str, groups: SpeakerGroups) -> str:
    chain = groups.chain(speaker_id, participant)
    return f"{speaker_id} is {'a participant' if len(chain) < 2 else ' = '.join(chain[1:])}"


def _require_no_difference(a: str, b: str, groups: SpeakerGroups) -> None:
    for one, other in product(sorted(groups.members_of(a)), sorted(groups.members_of(b))):
        if (one, other) in groups.different and {one, other} != {a, b}:
            chains = " and ".join(" = ".join(c) for c in (groups.chain(a, one), groups.chain(b, other)) if len(c) > 1)
            raise ConfigError(
                f"{a} and {b} cannot be one person: {one} and {other} were decided to be different, and {chains}",
                cure=f"if that was wrong, merge {one} and {other} first, or split what links them",
            )


def _require_never_together(a: str, b: str, groups: SpeakerGroups, people: LocalSpeakers) -> None:
    mine, theirs = (
        [people.speakers[name] for name in sorted(groups.members_of(side)) if name in people.speakers]
        for side in (a, b)
    )
    for one, other in product(mine, theirs):
        t_ms = find_together(one, other)
        if t_ms is not None:
            raise ConfigError(
                f"{a} and {b} cannot be one person: in {people.recording.recording_id}, {one.speaker_id} and "
                f"{other.speaker_id} are seen at the same time, at {t_ms / 1000:.1f} s",
                cure="split what links them to these, or check the seats in recordings.csv",
            )


def find_together(one: LocalSpeaker, other: LocalSpeaker) -> int | None:
    """The first time, in ms, at which both are seen in one picture; None if never."""
    if not any(a.span.overlap_ms(b.span) for a, b in product(one.tracks, other.tracks)):
        return None
    seen = {t_ms for track in one.tracks for t_ms in track.t_ms}
    return min((t_ms for track in other.tracks for t_ms in track.t_ms if t_ms in seen), default=None)


def _require_listed(a: str, b: str, groups: SpeakerGroups, people: LocalSpeakers, participant: str | None) -> None:
    """A participant cannot be somebody in a recording whose rows in recordings.csv name others only."""
    recording = people.recording
    listed = {seated.participant_id for seated in recording.participants}
    is_here = not people.speakers.keys().isdisjoint(groups.members_of(a) | groups.members_of(b))
    if is_here and listed and find_unlisted(participant, {recording.recording_id}, {recording.recording_id: listed}):
        raise ConfigError(
            f"{a} and {b} cannot be one person: recordings.csv lists {', '.join(sorted(listed))} for "
            f"{recording.recording_id}, and not {participant}",
            cure=f"add a row for {participant} to recordings.csv, then run `sdme ingest` again",
        )


def require_splittable(a: str, b: str, groups: SpeakerGroups) -> None:
    """Check that two speakers can be different people.

    Args:
        a: a speaker.
        b: another.
        groups: what was decided so far, without any earlier decision on these two.

    Raises:
        ConfigError: they are the same through others.
    """
    chain = groups.chain(a, b)
    if chain:
        raise ConfigError(
            f"{a} and {b} cannot be different people: people decided that {' = '.join(chain)}",
            cure=f"split one of these pairs first, such as {chain[0]} and {chain[1]}",
        )
