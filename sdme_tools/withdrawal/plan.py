"""Finding everything that is somebody's: read only, so that it can be shown before anything is done."""

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.identity import SpeakerBook, read_decisions
from sdme_tools.corpus.keys import KEY_VARIABLE, check_of, locate_key, read_corpus_key
from sdme_tools.corpus.pseudonyms import Pseudonyms
from sdme_tools.corpus.table import TEMPORARY_PREFIX, read_table
from sdme_tools.corpus.tombstones import hash_source, read_source_key, read_tombstones
from sdme_tools.errors import ConfigError, CorpusError, raise_together
from sdme_tools.records.annotation import Item
from sdme_tools.records.face import FaceTrack
from sdme_tools.records.identity import Judgement, SpeakerDecision, SpeakerLink
from sdme_tools.records.recording import Consent, Recording
from sdme_tools.records.utterance import Clip, Transcript, Utterance
from sdme_tools.records.withdrawal import AffectedRelease, SharedRule, Withdrawal, WithdrawalScope
from sdme_tools.records.wording import TranscriptEdit
from sdme_tools.stages.ingest import find_rows, make_recording_id
from sdme_tools.stages.intake import BESIDE
from sdme_tools.withdrawal.names import Names, owner_of
from sdme_tools.withdrawal.rounds import find_loss, find_server_tasks
from sdme_tools.withdrawal.traces import find_traces


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        participant_id: Who withdraws.
        scope: From what.
        delete_sources: Delete the recordings' files outside of the corpus too.
        use_server: Delete tasks on the annotation server.
        remove_others: Remove other files in the corpus folder that name them.
        today: When.
    """

    participant_id: str
    scope: WithdrawalScope = WithdrawalScope.ALL
    delete_sources: bool = False
    use_server: bool = True
    remove_others: bool = False
    today: date | None = None


def make_plan(corpus: Corpus, wish: Wish) -> Withdrawal:
    """Find everything that a withdrawal touches.

    Raises:
        ConfigError: there is no such participant, or others appear in their recordings and [withdraw] says 'refuse'.
        CorpusError: a table is damaged, or the key of the corpus is missing.
    """
    book = SpeakerBook(corpus)
    _require_known(corpus, book, wish.participant_id)
    begun_on, number = wish.today or date.today(), len(read_tombstones(corpus))
    recordings, shared = _find_recordings(corpus, book, wish.participant_id)
    names = _name(corpus, wish.participant_id, recordings)
    utterance_ids = _find_utterances(corpus, recordings, names)
    releases = list(_find_releases(corpus, names, wish.scope))
    plan = Withdrawal(
        participant_id=wish.participant_id,
        scope=wish.scope,
        begun_on=begun_on,
        number=number,
        recordings=tuple(recordings),
        shared=tuple(shared),
        uncertain=tuple(_find_uncertain(corpus, book, wish.participant_id, recordings)),
        utterance_ids=tuple(sorted(utterance_ids)),
        num_own_utterances=_count_own(book, wish.participant_id, recordings),
        releases=tuple(releases),
    )
    return _plan_deletion(corpus, book, plan, wish, names) if wish.scope is WithdrawalScope.ALL else plan


def _plan_deletion(corpus: Corpus, book: SpeakerBook, plan: Withdrawal, wish: Wish, names: Names) -> Withdrawal:
    if plan.shared and corpus.config.withdraw.shared_recordings is SharedRule.REFUSE:
        raise_together(
            ConfigError,
            "others appear in these recordings too, and [withdraw] shared_recordings says 'refuse':",
            plan.shared,
            cure="set it to 'drop' in corpus.toml to remove these recordings as a whole",
        )
    there = [book.recordings[name] for name in plan.recordings if name in book.recordings]
    gone = set(plan.utterance_ids)
    folders = [corpus.layout.round_dir(name) for name in corpus.rounds()]
    key = read_source_key(corpus) if there else b""
    copies, sources = _find_files(corpus, there)
    return plan.model_copy(
        update={
            "num_clips": _count(corpus, there, Clip),
            "num_tracks": _count(corpus, there, FaceTrack),
            "num_transcripts": _count(corpus, there, Transcript),
            "num_edits": _count(corpus, there, TranscriptEdit),
            "source_hashes": tuple(sorted(hash_source(key, recording.sha256) for recording in there)),
            "key_check": check_of(key) if there else "",
            "files": tuple(sorted(_find_rows(corpus, plan.recordings, there))),
            "sources": tuple(sources),
            "delete_sources": wish.delete_sources,
            "copies": tuple(copies),
            "num_decisions": sum(names_somebody(names, decision) for decision in read_decisions(corpus)),
            "relink": corpus.layout.speakers.exists(),
            "rounds": tuple(loss for folder in folders if (loss := find_loss(folder, gone)) is not None),
            "server_tasks": tuple(tasks for folder in folders for tasks in find_server_tasks(folder, gone)),
            "use_server": wish.use_server,
            "runs": tuple(_find_runs(corpus, names, plan.releases)),
            "other_files": tuple(_find_other_files(corpus, names, [*sources, *copies])),
            "remove_others": wish.remove_others,
            "not_searched": tuple(p.name for p in sorted(corpus.root.glob(".*")) if p.is_dir() and _is_no_rest(p)),
        }
    )


def _require_known(corpus: Corpus, book: SpeakerBook, participant_id: str) -> None:
    listed = {seated.participant_id for r in book.recordings.values() for seated in r.participants}
    known = set(book.participants) | listed
    if participant_id in known:
        return
    near = difflib.get_close_matches(participant_id, sorted(known), n=3)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    raise ConfigError(
        f"{corpus.root}: there is no participant {participant_id!r}",
        cure=f"{meant}ids stand in participants.csv; for a face or voice without a name, enter a participant there and "
        "join them with `sdme speakers merge`",
    )


def _find_recordings(corpus: Corpus, book: SpeakerBook, participant_id: str) -> tuple[list[str], list[str]]:
    """Find all recordings that they are in, and those of them in which somebody else is, too.

    They are where recordings.csv says so, where the stages found them by it, and where people recognised them.
    """
    mine = set(_find_decided(book, participant_id))
    rows = [row for row in corpus.seats() if row.participant_id == participant_id]
    mine |= {row.recording_id for row in rows if row.recording_id is not None}
    others: set[str] = set()
    for recording_id, recording in book.recordings.items():
        listed = {seated.participant_id for seated in recording.participants}
        people = {book.groups.name_of(name) for name in book.locals_of(recording_id).speakers} | listed
        if participant_id in people:
            mine.add(recording_id)
        if people - {participant_id}:
            others.add(recording_id)
    return sorted(mine), sorted(mine & others)


def _find_decided(book: SpeakerBook, participant_id: str) -> Iterator[str]:
    """Recordings in which people saw or heard them, also where stages now find nobody at that place any more."""
    members = book.groups.members_of(participant_id)
    for decision in book.decisions:
        same = decision.judgement is Judgement.SAME
        if same and {decision.speaker_a, decision.speaker_b} & members:
            for sighting in (decision.sighting_a, decision.sighting_b):
                if sighting is not None:
                    yield sighting.recording_id


def _find_uncertain(corpus: Corpus, book: SpeakerBook, participant_id: str, recordings: Sequence[str]) -> Iterator[str]:
    """Recordings in which a machine takes somebody for them and nobody decided."""
    members = book.groups.members_of(participant_id)
    found: set[str] = set()
    for link in read_table(corpus.layout.speaker_links, SpeakerLink):
        pair = {link.speaker_a, link.speaker_b}
        if pair & members and (link.speaker_a, link.speaker_b) not in book.groups.different:
            found |= {r for name in pair - members for r, _ in book.appearances_of(name)}
    yield from sorted(found - set(recordings))


def _name(corpus: Corpus, participant_id: str, recordings: Sequence[str]) -> Names:
    return Names(participant_id, frozenset(recordings), frozenset(corpus.recording_ids()) - frozenset(recordings))


def _find_utterances(corpus: Corpus, recordings: Sequence[str], names: Names) -> set[str]:
    """All utterances of these recordings, also those of earlier segmentations that raters were shown."""
    found = {row.utterance_id for name in recordings for row in corpus.read(name, Utterance)}
    everything = [*names.gone, *names.staying]
    for round_id in corpus.rounds():
        for item in read_table(corpus.layout.round_dir(round_id) / "items.jsonl", Item):
            if owner_of(item.utterance_id, everything) in names.gone:
                found.add(item.utterance_id)
    return found


def _count_own(book: SpeakerBook, participant_id: str, recordings: Sequence[str]) -> int:
    there = [name for name in recordings if name in book.recordings]
    spoken = (name for r in there for name in book.locals_of(r).of_utterance.values())
    return sum(book.groups.name_of(name) == participant_id for name in spoken)


def _count(
    corpus: Corpus, recordings: Iterable[Recording], kind: type[Clip | FaceTrack | Transcript | TranscriptEdit]
) -> int:
    return sum(len(corpus.read(recording.recording_id, kind)) for recording in recordings)


def _find_files(corpus: Corpus, recordings: Iterable[Recording]) -> tuple[list[str], list[str]]:
    """The recordings' files with what lies beside them: copies in the corpus, relative to it, and those outside."""
    copies: list[str] = []
    sources: list[str] = []
    for recording in recordings:
        source = corpus.source_path(recording)
        files = [path for path in (source, *(source.with_suffix(suffix) for suffix in BESIDE)) if path.is_file()]
        if not Path(recording.source).is_absolute():  # it was copied in
            copies += [path.relative_to(corpus.root).as_posix() for path in files]
        else:
            sources += [str(path) for path in files]
    return copies, sources


def _find_rows(corpus: Corpus, recording_ids: Sequence[str], recordings: Iterable[Recording]) -> set[str]:
    """What recordings.csv calls the files of recordings that go: a recording's rows need not all give its id."""
    seats = corpus.seats()
    found = {row.file for row in seats if (row.recording_id or _id_of(row.file)) in recording_ids}
    return found | {row.file for recording in recordings for row in find_rows(Path(recording.source), seats)}


def _id_of(file: str) -> str | None:
    try:
        return make_recording_id(Path(file))
    except ConfigError:  # nothing of the name can be an id: its row gives one
        return None


def names_somebody(names: Names, decision: SpeakerDecision) -> bool:
    """Whether a decision is about the participant, or about anybody in a recording that goes."""
    sightings = [s for s in (decision.sighting_a, decision.sighting_b) if s is not None]
    return any(sighting.recording_id in names.gone for sighting in sightings) or any(
        speaker == names.participant_id or names.is_of_recording(speaker)
        for speaker in (decision.speaker_a, decision.speaker_b)
    )


def _find_releases(corpus: Corpus, names: Names, scope: WithdrawalScope) -> Iterator[AffectedRelease]:
    """Versions that hold them; of a narrower withdrawal, those that go further than the consent that is left."""
    for manifest in sorted(corpus.layout.releases.glob("*/manifest.json")):
        folder = manifest.parent
        if folder.name.startswith(TEMPORARY_PREFIX):
            continue
        told = _read_json(manifest)
        looked_for = names
        if told.get("pseudonym_key"):
            hidden = Pseudonyms(_read_key_of(corpus, folder.name, told))
            looked_for = replace(names, pseudonyms=frozenset(map(hidden.recording, names.gone)))
        made_for = str(told.get("scope", ""))
        if scope is not WithdrawalScope.ALL and _still_covers(scope, made_for):
            continue
        if next(find_traces(folder, looked_for, looked_for.is_utterance), None) is not None:
            digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
            yield AffectedRelease(version=folder.name, scope=made_for, manifest_sha256=digest)


def _read_key_of(corpus: Corpus, version: str, manifest: dict[str, object]) -> bytes:
    key = read_corpus_key(corpus.root)
    if manifest.get("pseudonym_key") != check_of(key):
        raise CorpusError(
            f"{corpus.root}: who is in version {version} cannot be told: its pseudonyms are by another key",
            cure=f"bring the key back to {locate_key(corpus.root)}, or set {KEY_VARIABLE} to what it holds",
        )
    return key


def _still_covers(scope: WithdrawalScope, made_for: str) -> bool:
    """Whether the consent that is left covers a release made for `made_for`; what cannot be read is not covered."""
    return made_for in set(Consent) and scope.consent_after.covers(Consent(made_for))


def _read_json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _find_runs(corpus: Corpus, names: Names, releases: Sequence[AffectedRelease]) -> Iterator[str]:
    """What was made of these versions, in runs/ or beside them, and whatever else there has an utterance of theirs."""
    made_of = tuple(part for r in releases for part in (f"{r.version}-", f"{r.version}."))
    beside = (path for path in corpus.layout.releases.glob("*") if not (path / "manifest.json").exists())
    for path in sorted([*corpus.layout.runs.glob("*"), *beside]):
        if path.name.startswith(TEMPORARY_PREFIX):
            continue
        is_made_of_them = bool(made_of) and path.name.startswith(made_of)
        if is_made_of_them or next(find_traces(path, names, names.is_utterance), None) is not None:
            yield path.relative_to(corpus.root).as_posix()


def _is_no_rest(path: Path) -> bool:
    """Whether a hidden folder is somebody's, and not what a killed command left."""
    return not path.name.startswith(TEMPORARY_PREFIX)


def _find_other_files(corpus: Corpus, names: Names, files: Sequence[str]) -> Iterator[str]:
    """Files that no command writes at that place and that name them: previews, exports, notes; hidden ones are left."""
    layout = corpus.layout
    own = {layout.config, layout.participants, layout.seats, layout.tombstones, layout.withdrawal, layout.lock}
    own |= {layout.recordings, layout.copies, layout.identity, layout.rounds, layout.served, layout.releases}
    own |= {layout.runs}
    known = {(corpus.root / file).absolute() for file in files}
    for path in sorted(corpus.root.iterdir()):
        if path in own or path.name.startswith("."):
            continue
        if names.is_told_by(path.name) and path.is_dir():
            found = [one for one in sorted(path.rglob("*")) if one.is_file()]
        else:
            found = list(find_traces(path, names, names.is_told_by))
        yield from (one.relative_to(corpus.root).as_posix() for one in found if one.absolute() not in known)
