"""Who speaks, over the whole corpus: the one place that turns a recording's speaker into a corpus-wide one.

In a recording a speaker is the participant where recordings.csv tells who it is, else the face that the utterance is
bound to, else the voice that diarization tells apart. Over the corpus, participants are who they are, and the others
are whom people decided them to be (`sdme speakers confirm|merge|split`). What machines propose counts for nothing here.

Decisions hold on to places, not to ids: a face that was decided on is looked for where it was seen, because another run
of the stages may number the faces otherwise.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table
from sdme_tools.errors import CorpusError
from sdme_tools.records.face import Binding, Box, FaceTrack
from sdme_tools.records.identity import Judgement, Sighting, SpeakerDecision, SpeakerKind
from sdme_tools.records.recording import Participant, Recording
from sdme_tools.records.utterance import Utterance

MIN_SIGHTING_OVERLAP = 0.3
"""Overlap (IoU) with the box of a sighting at which a face is taken for the one that was seen."""

MAX_KEPT = 16
"""Recordings whose tables are kept in memory."""


@dataclass(frozen=True)
class LocalSpeaker:
    """A speaker of one recording, with what is seen and heard of them."""

    speaker_id: str
    kind: SpeakerKind
    tracks: tuple[FaceTrack, ...]
    utterances: tuple[Utterance, ...]

    def sighting(self) -> Sighting | None:
        """The middle of the longest track, or else of the longest utterance; None for a participant."""
        if self.kind is SpeakerKind.PARTICIPANT:
            return None
        if self.tracks:
            track = max(self.tracks, key=lambda track: len(track.t_ms))
            middle = len(track.t_ms) // 2
            return Sighting(recording_id=track.recording_id, t_ms=track.t_ms[middle], box=track.boxes[middle])
        longest = max(self.utterances, key=lambda utterance: utterance.speech_ms)
        return Sighting(recording_id=longest.recording_id, t_ms=longest.span.middle_ms, box=None)


@dataclass(frozen=True)
class LocalSpeakers:
    """Everybody in one recording."""

    recording: Recording
    speakers: dict[str, LocalSpeaker]
    of_utterance: dict[str, str]
    """Utterance -> speaker, where one is known."""

    def find(self, sighting: Sighting) -> str | None:
        """Who is at the place of a sighting now; None where nobody is."""
        if sighting.box is None:
            heard = (s for s in self.speakers.values() for u in s.utterances if u.span.contains(sighting.t_ms))
            return next((speaker.speaker_id for speaker in heard), None)
        seen = [
            (_overlap_at(track, sighting), speaker_id)
            for speaker_id, speaker in self.speakers.items()
            for track in speaker.tracks
        ]
        overlap, found = max(seen, default=(0.0, None))
        return found if overlap >= MIN_SIGHTING_OVERLAP else None


def find_local_speakers(
    recording: Recording, utterances: Sequence[Utterance], bindings: Sequence[Binding], tracks: Sequence[FaceTrack]
) -> LocalSpeakers:
    """Name everybody who is seen or heard in a recording.

    A voice whose utterances are mostly bound to one face is that face's: where binding abstains, the voice tells.
    """
    of_track = _name_tracks(tracks, bindings)
    by_utterance = {binding.utterance_id: binding for binding in bindings}
    of_utterance: dict[str, str] = {}
    for utterance in utterances:
        binding = by_utterance.get(utterance.utterance_id)
        bound = of_track.get(binding.track_id or "") if binding else None
        speaker_id = (binding.speaker_id if binding else None) or utterance.speaker_id or bound
        if speaker_id:
            of_utterance[utterance.utterance_id] = speaker_id
    of_voice = _name_voices(recording, utterances, of_utterance)
    for utterance in utterances:
        if utterance.voice_id is not None:
            of_utterance.setdefault(utterance.utterance_id, of_voice[utterance.voice_id])
    seats = {track.participant_id for track in tracks} | {b.speaker_id for b in bindings}
    participants = seats | {u.speaker_id for u in utterances} | {p.participant_id for p in recording.participants}
    names = dict.fromkeys([*of_track.values(), *of_utterance.values()])
    speakers = {
        name: LocalSpeaker(
            speaker_id=name,
            kind=_kind_of(name, participants, of_track.values()),
            tracks=tuple(track for track in tracks if of_track[track.track_id] == name),
            utterances=tuple(u for u in utterances if of_utterance.get(u.utterance_id) == name),
        )
        for name in names
    }
    return LocalSpeakers(recording, speakers, of_utterance)


def _name_tracks(tracks: Sequence[FaceTrack], bindings: Sequence[Binding]) -> dict[str, str]:
    """Track -> the participant by seat, else the one whose voice (by channel) it mostly has, else itself."""
    spoken: dict[str | None, Counter[str]] = {}
    for binding in bindings:
        if binding.speaker_id:
            spoken.setdefault(binding.track_id, Counter())[binding.speaker_id] += 1
    return {
        track.track_id: track.participant_id or _find_majority(spoken.get(track.track_id, Counter())) or track.track_id
        for track in tracks
    }


def _find_majority(counts: Counter[str]) -> str | None:
    most = counts.most_common(1)
    return most[0][0] if most and most[0][1] * 2 > counts.total() else None


def _name_voices(
    recording: Recording, utterances: Sequence[Utterance], of_utterance: Mapping[str, str]
) -> dict[str, str]:
    """Voice -> the speaker who has more than half of its utterances that are somebody's, else a name of its own."""
    heard: dict[str, Counter[str]] = {}
    for utterance in utterances:
        if utterance.voice_id is not None:
            mine = heard.setdefault(utterance.voice_id, Counter())
            mine.update(filter(None, [of_utterance.get(utterance.utterance_id)]))
    return {v: _find_majority(counts) or f"{recording.recording_id}_{v}" for v, counts in heard.items()}


def _kind_of(name: str, participants: Iterable[str | None], faces: Iterable[str]) -> SpeakerKind:
    if name in participants:
        return SpeakerKind.PARTICIPANT
    return SpeakerKind.FACE if name in faces else SpeakerKind.VOICE


def _overlap_at(track: FaceTrack, sighting: Sighting) -> float:
    if sighting.box is None or not track.span.contains(sighting.t_ms):
        return 0.0
    nearest = min(range(len(track.t_ms)), key=lambda i: abs(track.t_ms[i] - sighting.t_ms))
    return _as_box(track.boxes[nearest]).overlap(_as_box(sighting.box))


def _as_box(box: tuple[int, int, int, int]) -> Box:
    return Box(x_px=box[0], y_px=box[1], width_px=box[2], height_px=box[3])


def read_decisions(corpus: Corpus) -> list[SpeakerDecision]:
    """What people decided of speakers, in the order in which they did.

    Raises:
        CorpusError: the table is damaged.
    """
    path = corpus.layout.speaker_decisions
    try:
        return read_table(path, SpeakerDecision)
    except CorpusError as error:
        cure = f"restore {path} from a backup or mend these lines: people made them, nothing makes them again"
        raise CorpusError(error.what, cure=cure) from error


class SpeakerBook:
    """Corpus-wide speakers. Of recordings the last MAX_KEPT are remembered, since their tables are large."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._known: dict[str, LocalSpeakers] = {}
        self._found: dict[Sighting, str | None] = {}
        self.decisions: Sequence[SpeakerDecision] = read_decisions(corpus)

    def locals_of(self, recording_id: str) -> LocalSpeakers:
        """Everybody in a recording."""
        if recording_id not in self._known:
            read = self._corpus.read
            tables = (read(recording_id, Utterance), read(recording_id, Binding), read(recording_id, FaceTrack))
            if len(self._known) >= MAX_KEPT:
                del self._known[next(iter(self._known))]
            self._known[recording_id] = find_local_speakers(self._corpus.recording(recording_id), *tables)
        return self._known[recording_id]

    @cached_property
    def participants(self) -> dict[str, Participant]:
        """Everybody in participants.csv."""
        return self._corpus.participants()

    @cached_property
    def recordings(self) -> dict[str, Recording]:
        """All recordings by id."""
        return {recording.recording_id: recording for recording in self._corpus.recordings()}

    @cached_property
    def attached(self) -> list[SpeakerDecision]:
        """The decisions with the ids of now; those whose sighting shows nobody any more are left out."""
        return [now for decision in self.decisions if (now := self.attach(decision)) is not None]

    @property
    def num_lost(self) -> int:
        """Decisions that are not followed: nobody is found where they were made, or recordings.csv overrules them."""
        return len(self.decisions) - len(self.attached) + self.groups.num_overruled

    @cached_property
    def groups(self) -> "SpeakerGroups":
        """Who was decided to be the same."""
        return SpeakerGroups(self.attached, self.participants)

    def decide(self, decisions: Sequence[SpeakerDecision]) -> None:
        """Take these in place of the decisions so far; nothing is written."""
        self.decisions = decisions
        self.__dict__.pop("attached", None)
        self.__dict__.pop("groups", None)

    def recording_of(self, speaker_id: str) -> str | None:
        """The recording that a face's or voice's id begins with, the longest where several fit; None for others."""
        ends = (place for place, letter in enumerate(speaker_id) if letter == "_")
        return max((speaker_id[:end] for end in ends if speaker_id[:end] in self.recordings), key=len, default=None)

    def appearances_of(self, speaker_id: str) -> list[tuple[str, str]]:
        """(recording, speaker in it) of everybody who is this person, as far as ids and recordings.csv tell."""
        found: list[tuple[str, str]] = []
        for name in sorted(self.groups.members_of(speaker_id)):
            if name in self.participants:
                ids = [r.recording_id for r in self.recordings.values() if name in _listed(r)]
            else:
                ids = [recording_id] if (recording_id := self.recording_of(name)) else []
            found += [(recording_id, name) for recording_id in ids]
        return found

    def speaker_of(self, recording_id: str, utterance_id: str) -> str | None:
        """The corpus-wide speaker of an utterance; None where nobody is known."""
        local = self.locals_of(recording_id).of_utterance.get(utterance_id)
        return None if local is None else self.groups.name_of(local)

    def recognise(self, recording_ids: Iterable[str]) -> dict[str, str]:
        """Utterance -> participant, where one is known, directly or by decision; reads nothing without decisions."""
        if not self.decisions:
            return {}
        spoken = (pair for name in recording_ids for pair in self.locals_of(name).of_utterance.items())
        return {
            utterance_id: participant
            for utterance_id, speaker_id in spoken
            if (participant := self.groups.participant_of(speaker_id)) is not None
        }

    def attach(self, decision: SpeakerDecision) -> SpeakerDecision | None:
        """Give a decision the ids of now; None where one of its two is not found any more."""
        a = self._find(decision.speaker_a, decision.sighting_a)
        b = self._find(decision.speaker_b, decision.sighting_b)
        if a is None or b is None or a == b:
            return None
        return decision.model_copy(update={"speaker_a": a, "speaker_b": b})

    def _find(self, speaker_id: str, sighting: Sighting | None) -> str | None:
        if sighting is None:
            return speaker_id
        if sighting not in self._found:
            is_there = sighting.recording_id in self.recordings
            self._found[sighting] = self.locals_of(sighting.recording_id).find(sighting) if is_there else None
        return self._found[sighting]


def _listed(recording: Recording) -> set[str]:
    return {seated.participant_id for seated in recording.participants}


class SpeakerGroups:
    """Speakers that people decided to be the same, directly or through others.

    recordings.csv always wins: a decision that would make two participants one is not followed, as happens when seats
    are filled in after people decided.
    """

    def __init__(self, decisions: Iterable[SpeakerDecision], participants: Iterable[str]) -> None:
        self._participants = set(participants)
        self._links: dict[str, list[str]] = {}
        self._members: dict[str, frozenset[str]] = {}
        self.different: set[tuple[str, str]] = set()
        self.num_overruled = 0
        for decision in decisions:
            a, b = decision.speaker_a, decision.speaker_b
            if decision.judgement is Judgement.DIFFERENT:
                self.different |= {(a, b), (b, a)}
            else:
                self._join(a, b)

    def _join(self, a: str, b: str) -> None:
        everybody = self.members_of(a) | self.members_of(b)
        if len(everybody & self._participants) > 1:
            self.num_overruled += 1
            return
        self._members |= dict.fromkeys(everybody, everybody)
        self._links.setdefault(a, []).append(b)
        self._links.setdefault(b, []).append(a)

    def _reach(self, start: str) -> dict[str, str | None]:
        """Everybody who is linked to `start`, each with the one they were reached from."""
        came_from: dict[str, str | None] = {start: None}
        waiting = deque([start])
        while waiting:
            here = waiting.popleft()
            for other in self._links.get(here, ()):
                if other not in came_from:
                    came_from[other] = here
                    waiting.append(other)
        return came_from

    def members_of(self, speaker_id: str) -> frozenset[str]:
        """Everybody who is the same person, the speaker included."""
        return self._members.get(speaker_id, frozenset([speaker_id]))

    def participant_of(self, speaker_id: str) -> str | None:
        """The participant among them."""
        return min((name for name in self.members_of(speaker_id) if name in self._participants), default=None)

    def name_of(self, speaker_id: str) -> str:
        """The corpus-wide name: the participant's, else the first of the ids in the order of the alphabet."""
        return self.participant_of(speaker_id) or min(self.members_of(speaker_id))

    def chain(self, a: str, b: str) -> list[str]:
        """The speakers through whom two are the same, both included; empty where they are not."""
        came_from = self._reach(a)
        if b not in came_from:
            return []
        path, here = [b], came_from[b]
        while here is not None:
            path.append(here)
            here = came_from[here]
        return path[::-1]
