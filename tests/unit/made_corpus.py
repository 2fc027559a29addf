"""A corpus with a real recording and hand-written tables: what a stage would find, told to the millisecond."""

from pathlib import Path

import numpy as np

from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.table import write_table, write_text
from sdme_tools.records.face import Binding, BindingReason, FaceTrack
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span
from sdme_tools.records.speaking import FaceSpeaking, Speaking
from sdme_tools.records.utterance import Transcript, Utterance, Word
from sdme_tools.stages.intake import ingest_files
from tests.factories import SOURCE, make_tone, make_track, make_utterance, write_media

SPANS = ((200, 1200), (1400, 2400), (2600, 3600), (3000, 3900))
TEXTS = ("good morning <b> & all", "", '日本 שלום $x_1$ "quoted" --> x', "[laughs] = SUM(1)")


def make_recorded_corpus(root: Path, *, with_video: bool = True) -> Corpus:
    """One recording of four seconds, two faces, four utterances: bound to each face, abstained, and overlapping."""
    corpus = Corpus.create(root, ["calm", "upset"])
    write_text(corpus.layout.participants, "participant_id,consent\nann,public\nbob,public\n")
    write_text(
        corpus.layout.seats,
        "file,recording_id,session_id,participant_id,seat,channel\ndin.mkv,din,,ann,left,\ndin.mkv,din,,bob,right,\n",
    )
    raw = write_media(
        root.parent / "din.mkv", num_frames=100 if with_video else 0, size_px=(192, 96), sound=make_tone(4000)
    )
    intake = ingest_files(corpus, [raw])[0]
    assert intake.recording is not None, intake.what
    _write_tables(corpus, intake.recording, with_faces=with_video)
    return corpus


def _write_tables(corpus: Corpus, recording: Recording, *, with_faces: bool) -> None:
    utterances = [make_utterance(recording, *span) for span in SPANS]
    tracks = _make_tracks(recording) if with_faces else []
    bound = [tracks[0], tracks[1], None, tracks[0]] if tracks else [None] * 4
    rows: dict[type, list[object]] = {
        Utterance: list(utterances),
        FaceTrack: list(tracks),
        Binding: [_bind(u, track) for u, track in zip(utterances, bound, strict=True)],
        Transcript: [_write_down(u, text) for u, text in zip(utterances, TEXTS, strict=True)],
        Speaking: [_score(u, tracks) for u in utterances[:2]] if tracks else [],
    }
    for kind, its in rows.items():
        write_table(corpus.layout.table(recording.recording_id, TABLE_NAMES[kind]), its)  # type: ignore[arg-type]


def _make_tracks(recording: Recording) -> list[FaceTrack]:
    left = make_track(recording, [(20, 20, 40, 40)] * 40).model_copy(update={"participant_id": "ann"})
    right = make_track(recording, [(120, 20, 40, 40)] * 40)
    opening = tuple(0.1 + 0.05 * (k % 3) for k in range(40))
    return [left, right.model_copy(update={"track_id": "din_t2", "participant_id": "bob", "mouth_opening": opening})]


def _bind(utterance: Utterance, track: FaceTrack | None) -> Binding:
    return Binding(
        utterance_id=utterance.utterance_id,
        track_id=track.track_id if track else None,
        speaker_id=track.participant_id if track else None,
        score=0.9,
        margin=0.5,
        runner_up_track_id=None,
        reason=BindingReason.BOUND if track else BindingReason.SEVERAL_CANDIDATES,
        source=SOURCE,
    )


def _write_down(utterance: Utterance, text: str) -> Transcript:
    edges = np.linspace(utterance.span.start_ms, utterance.span.end_ms, len(text.split()) + 1).astype(int)
    words = tuple(
        Word(text=word, span=Span(start_ms=int(start), end_ms=int(end)))
        for word, start, end in zip(text.split(), edges, edges[1:], strict=False)
    )
    flags = () if text else ("empty",)
    return Transcript(
        utterance_id=utterance.utterance_id, text=text, language="en", words=words, flags=flags, source=SOURCE
    )


def _score(utterance: Utterance, tracks: list[FaceTrack]) -> Speaking:
    t_ms = tuple(range(utterance.span.start_ms, utterance.span.end_ms, 40))
    faces = [
        FaceSpeaking(
            track_id=track.track_id, t_ms=t_ms, scores=tuple((None, level)[k % 5 > 0] for k in range(len(t_ms)))
        )
        for track, level in zip(tracks, (0.9, 0.1), strict=True)
    ]
    return Speaking(utterance_id=utterance.utterance_id, faces=tuple(faces), source=SOURCE)
