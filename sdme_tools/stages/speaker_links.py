"""Who is probably the same person in several recordings: the door through which `sdme speakers link` writes identity/.

Links are the machine's proposals, made anew by every run; what people decide is in speakers.py and stays. Embeddings
are kept beside them, each with the receipt of what it was made from: a second run looks at new recordings only.
"""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends import registry
from sdme_tools.backends.device import resolve_device
from sdme_tools.backends.protocols import FaceEmbedder, VoiceEmbedder
from sdme_tools.corpus.consistency import find_inconsistencies, hash_recording
from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.doubts import read_doubts
from sdme_tools.corpus.identity import SpeakerBook
from sdme_tools.corpus.receipt import Basis, Receipt, describe_file, is_fresh, read_receipt
from sdme_tools.corpus.table import replacing, write_record, write_table
from sdme_tools.errors import CorpusError, SdmeError, raise_together
from sdme_tools.records.base import Record, Source
from sdme_tools.records.face import Binding, FaceTrack
from sdme_tools.records.identity import LinkFinding, ParticipantDoubt, Speaker, SpeakerKind, SpeakerLink
from sdme_tools.records.recording import Recording
from sdme_tools.records.utterance import Utterance
from sdme_tools.stages.judging import find_together
from sdme_tools.stages.linking import Known, Pair, find_likely_pairs, propose_links
from sdme_tools.stages.people import Embeddings, PeopleEmbeddings, embed_people, normalise
from sdme_tools.stages.unlike import find_unlike

LIKENESS_VERSION = 1
"""Raise it when people.py changes its output."""
READS: dict[str, type[Record]] = {"faces": FaceTrack, "segment": Utterance, "bind": Binding}
"""Stage -> the table that speakers are told from."""


@dataclass(frozen=True)
class LinkReport:
    """What `sdme speakers link` found."""

    speakers: tuple[Speaker, ...]
    links: tuple[SpeakerLink, ...]
    doubts: tuple[ParticipantDoubt, ...]
    num_recordings: int
    num_embedded: int
    """Recordings that were looked at anew; the others were known."""
    skipped: dict[str, str]
    """Recording -> why nothing of it was compared."""
    num_pairs: int
    """Pairs of speakers compared."""
    num_implied: int
    num_impossible: int
    num_lost_decisions: int
    """Decisions that are not followed; see SpeakerBook."""


def link_speakers(
    corpus: Corpus, *, device: str = "auto", on_recording: Callable[[str], None] = lambda _: None
) -> LinkReport:
    """Compare everybody with everybody and write down who is probably one person.

    A recording that cannot be read never stops the rest. `on_recording` hears of each as it is done.

    Raises:
        BackendError: a model or its package is not there; says how to get it.
        CorpusError: another process holds the corpus, a table is damaged, or the stages are half renewed.
    """
    embedders = _create_embedders(corpus, device)
    with corpus.hold():
        return _link(corpus, embedders, on_recording)


def link_speakers_again(corpus: Corpus) -> LinkReport:
    """The same for whoever holds the corpus already. Raises as `link_speakers`."""
    return _link(corpus, _create_embedders(corpus, "auto"), lambda _: None)


def _create_embedders(corpus: Corpus, device: str) -> tuple[FaceEmbedder, VoiceEmbedder]:
    settings, resolved = corpus.config.identity, resolve_device(device)
    return registry.create_face_embedder(settings, resolved), registry.create_voice_embedder(settings, resolved)


def _link(
    corpus: Corpus, embedders: tuple[FaceEmbedder, VoiceEmbedder], on_recording: Callable[[str], None]
) -> LinkReport:
    settings, (faces, voices) = corpus.config.identity, embedders
    sources = (faces.identify(), voices.identify())
    problems = find_inconsistencies(corpus)
    raise_together(CorpusError, "the corpus is half renewed:", problems, cure=f"run `sdme run {corpus.root}` first")
    book = SpeakerBook(corpus)
    known, num_embedded, skipped = _recall_all(corpus, book, faces, voices, on_recording)
    people = _gather(book, known)
    weighs = (faces.weigh_evidence, voices.weigh_evidence)
    pairs = find_likely_pairs(people.faces, people.voices, *weighs, prior=settings.prior, least=settings.min_confidence)
    found = propose_links(pairs, _know(book, people.names, list(known)))
    findings = [(pair, LinkFinding.PROPOSED, "") for pair in found.proposed] + found.suspicious
    links = tuple(_make_link(people.names, *finding, sources) for finding in findings)
    doubts = tuple(
        ParticipantDoubt(**vars(unlike), sources=sources) for unlike in find_unlike(known, _list_rows(book), *weighs)
    )
    speakers = tuple(_describe(book, people, list(known)))
    write_table(corpus.layout.speakers, speakers)
    write_table(corpus.layout.speaker_links, links)
    write_table(corpus.layout.participant_doubts, doubts)
    return LinkReport(
        speakers=speakers,
        links=links,
        doubts=tuple(read_doubts(corpus)),
        num_recordings=len(known),
        num_embedded=num_embedded,
        skipped=skipped,
        num_pairs=len(speakers) * (len(speakers) - 1) // 2,
        num_implied=found.num_implied,
        num_impossible=found.num_impossible,
        num_lost_decisions=book.num_lost,
    )


def _recall_all(
    corpus: Corpus,
    book: SpeakerBook,
    faces: FaceEmbedder,
    voices: VoiceEmbedder,
    on_recording: Callable[[str], None],
) -> tuple[dict[str, PeopleEmbeddings], int, dict[str, str]]:
    """Return recording -> likeness, how many of them had to be made, and recording -> why there is none."""
    known: dict[str, PeopleEmbeddings] = {}
    skipped: dict[str, str] = {}
    num_made = 0
    for recording_id, recording in book.recordings.items():
        try:
            known[recording_id], is_new = _recall(corpus, book, recording, faces, voices)
            num_made += is_new
        except SdmeError as error:
            skipped[recording_id] = error.what
        on_recording(recording_id)
    return known, num_made, skipped


def _recall(
    corpus: Corpus, book: SpeakerBook, recording: Recording, faces: FaceEmbedder, voices: VoiceEmbedder
) -> tuple[PeopleEmbeddings, bool]:
    """Return the likeness of a recording's people, and whether it had to be made."""
    basis = _basis_of(corpus, recording, faces, voices)
    path = corpus.layout.likeness(recording.recording_id)
    receipt_path = path.with_suffix(".json")
    receipt = read_receipt(receipt_path)
    if receipt is not None and is_fresh(receipt, basis, path.parent):
        cached = _load(path)
        if cached is not None:
            return cached, False
    source = corpus.source_path(recording)
    if not source.is_file():
        raise CorpusError(f"{source} is gone", cure="put it back, or ingest it again from its new place")
    people = list(book.locals_of(recording.recording_id).speakers.values())
    likeness = embed_people(recording, source, people, corpus.config.identity, faces, voices)
    receipt_path.unlink(missing_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            names=np.array(likeness.names, dtype=np.str_),
            faces=likeness.faces,
            voices=likeness.voices,
            num_faces=likeness.num_faces,
            voice_ms=likeness.voice_ms,
        )
    outputs = (describe_file(path, path.parent),)
    made = Receipt(fingerprint=basis.fingerprint(), basis=basis, outputs=outputs, num_kept=len(people), num_dropped=0)
    write_record(receipt_path, made)
    return likeness, True


def _basis_of(corpus: Corpus, recording: Recording, faces: FaceEmbedder, voices: VoiceEmbedder) -> Basis:
    inputs = {"recording": hash_recording(recording)}
    for stage, kind in READS.items():
        receipt = read_receipt(corpus.layout.receipt(recording.recording_id, stage))
        if receipt is None:
            raise CorpusError(f"{stage} has not run", cure=f"run `sdme run {corpus.root}` first")
        table = f"{TABLE_NAMES[kind]}.jsonl"
        inputs[table] = receipt.output_hash(table)
    decisive = {"faces_per_person", "voice_ms", "options"}
    return Basis(
        stage="identity",
        stage_version=LIKENESS_VERSION,
        parameters=corpus.config.identity.model_dump(mode="json", include=decisive)
        | {"voices": voices.identify().model_dump(mode="json")},
        backend=faces.identify(),
        inputs=inputs,
    )


def _load(path: Path) -> PeopleEmbeddings | None:
    """Read a likeness, None where the file is damaged: then it is made again. Never unpickles."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            columns = {name: stored[name] for name in ("faces", "voices", "num_faces", "voice_ms")}
            return PeopleEmbeddings(names=tuple(str(name) for name in stored["names"]), **columns)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _gather(book: SpeakerBook, known: dict[str, PeopleEmbeddings]) -> PeopleEmbeddings:
    """Everybody of the corpus once: those who are one person for certain are averaged, weighted by what there is."""
    names = sorted({book.groups.name_of(name) for likeness in known.values() for name in likeness.names})
    places = {name: place for place, name in enumerate(names)}
    owners = np.array(
        [places[book.groups.name_of(name)] for likeness in known.values() for name in likeness.names], np.int64
    )
    num_faces, voice_ms = (np.zeros(len(names), np.int64) for _ in range(2))
    stacked = list(known.values())
    for counts, column in ((num_faces, "num_faces"), (voice_ms, "voice_ms")):
        if stacked:
            np.add.at(counts, owners, np.concatenate([getattr(likeness, column) for likeness in stacked]))
    return PeopleEmbeddings(
        names=tuple(names),
        faces=_average(stacked, owners, len(names), "faces", "num_faces"),
        voices=_average(stacked, owners, len(names), "voices", "voice_ms"),
        num_faces=num_faces,
        voice_ms=voice_ms,
    )


def _average(
    stacked: Sequence[PeopleEmbeddings], owners: NDArray[np.int64], num_people: int, column: str, weight: str
) -> Embeddings:
    """float32[num_people, D]: weighted means of length 1, NaN where nothing is."""
    if not stacked:
        return np.zeros((num_people, 1), np.float32)
    rows = np.concatenate([getattr(likeness, column) for likeness in stacked]).astype(np.float64)
    weights = np.concatenate([getattr(likeness, weight) for likeness in stacked])
    sums = np.zeros((num_people, rows.shape[1]))
    np.add.at(sums, owners, np.nan_to_num(rows) * weights[:, None])
    total = np.bincount(owners, weights, minlength=num_people)
    return np.where(total[:, None] > 0, normalise(sums), np.nan).astype(np.float32)


def _know(book: SpeakerBook, names: Sequence[str], recording_ids: Sequence[str]) -> Known:
    """Collect what proposals must not contradict."""
    groups, places = book.groups, {name: place for place, name in enumerate(names)}
    different: list[set[int]] = [set() for _ in names]
    recordings: list[set[str]] = [set() for _ in names]
    listed: dict[str, set[str]] = {}
    told_apart: set[tuple[int, int]] = set()

    def part(a: str, b: str, *, certainly: bool) -> None:
        first, second = sorted((places.get(groups.name_of(a), -1), places.get(groups.name_of(b), -1)))
        if first < 0 or first == second:
            return
        told_apart.add((first, second))
        if certainly:
            different[first].add(second)
            different[second].add(first)

    for recording_id in recording_ids:
        people = book.locals_of(recording_id)
        if people.recording.participants:
            listed[recording_id] = {seated.participant_id for seated in people.recording.participants}
        for name in people.speakers:
            recordings[places[groups.name_of(name)]].add(recording_id)
        for one, other in combinations(people.speakers.values(), 2):
            are_together = find_together(one, other) is not None
            if are_together or not (one.tracks and other.tracks):
                part(one.speaker_id, other.speaker_id, certainly=are_together)
    for a, b in groups.different:
        part(a, b, certainly=True)
    return Known([groups.participant_of(name) for name in names], recordings, different, listed, told_apart)


def _list_rows(book: SpeakerBook) -> dict[str, list[str]]:
    """Participant -> the recordings for which recordings.csv names them."""
    rows: dict[str, list[str]] = {}
    for recording_id, recording in book.recordings.items():
        for seated in recording.participants:
            rows.setdefault(seated.participant_id, []).append(recording_id)
    return rows


def _make_link(
    names: Sequence[str], pair: Pair, finding: LinkFinding, detail: str, sources: tuple[Source, ...]
) -> SpeakerLink:
    a, b = sorted((names[pair.first], names[pair.second]))
    return SpeakerLink(
        speaker_a=a,
        speaker_b=b,
        confidence=pair.confidence,
        face_similarity=pair.face_similarity,
        voice_similarity=pair.voice_similarity,
        finding=finding,
        detail=detail,
        sources=sources,
    )


def _describe(book: SpeakerBook, people: PeopleEmbeddings, recording_ids: Sequence[str]) -> Iterator[Speaker]:
    heard: dict[str, list[Utterance]] = {name: [] for name in people.names}
    where: dict[str, dict[str, SpeakerKind]] = {name: {} for name in people.names}
    for recording_id in recording_ids:
        for speaker in book.locals_of(recording_id).speakers.values():
            name = book.groups.name_of(speaker.speaker_id)
            heard[name] += speaker.utterances
            where[name][recording_id] = speaker.kind
    for place, name in enumerate(people.names):
        is_participant = book.groups.participant_of(name) is not None
        yield Speaker(
            speaker_id=name,
            kind=SpeakerKind.PARTICIPANT if is_participant else next(iter(where[name].values())),
            recording_ids=tuple(where[name]),
            num_utterances=len(heard[name]),
            speech_ms=sum(utterance.speech_ms for utterance in heard[name]),
            num_faces=int(people.num_faces[place]),
            voice_ms=int(people.voice_ms[place]),
        )
