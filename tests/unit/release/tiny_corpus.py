"""A small corpus as the stages would leave it, with real FLAC and MP4 bytes: three dyads of six participants."""

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import av
import numpy as np

from sdme_tools.annotation.rounds import import_votes
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import write_record, write_table, write_text
from sdme_tools.records.base import Source
from sdme_tools.records.face import Binding, BindingReason
from sdme_tools.records.quality import FaceMaterialQuality, UtteranceQuality, VoiceQuality
from sdme_tools.records.recording import AudioStream, Recording, SeatedParticipant
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Clip, MediaFile, Transcript, Utterance, make_utterance_id

LABELS = ("neutral", "happiness", "sadness")
SOURCE = Source(backend="made", version="1")
DYADS = {"dinner": ("ann", "bob"), "lunch": ("cleo", "dan"), "tea": ("eve", "finn")}
TURNS_PER_PERSON = 4
TURN_MS = 800


def make_voice(pitch_hz: float, duration_ms: int = TURN_MS) -> bytes:
    """A tone as FLAC, 16 kHz mono."""
    time = np.arange(duration_ms * 16) / 16_000
    pcm = (8000 * np.sin(2 * np.pi * pitch_hz * time)).astype(np.int16)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return buffer.getvalue()


def make_face(brightness: int, num_frames: int = 20) -> bytes:
    """A bright square that wanders over a dark picture, as MP4, 64×64 at 25 frames a second."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        # Without macroblock trees: with them x264's bytes depend on where its buffers happen to lie in memory.
        stream = container.add_stream("libx264", rate=25, options={"threads": "1", "x264-params": "mbtree=0"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(num_frames):
            picture = np.zeros((64, 64, 3), np.uint8)
            picture[20:40, number : number + 20] = brightness
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def make_face_quality(*, size_px: int) -> FaceMaterialQuality:
    """A good face in colour whose mouth could not be judged."""
    return FaceMaterialQuality(
        seen_share=1.0,
        interpolated_share=0.0,
        held_share=0.0,
        median_size_px=size_px,
        median_sharpness=80.5,
        median_yaw_deg=-12.5,
        median_pitch_deg=3.0,
        median_roll_deg=0.5,
        brightness=120.0,
        contrast=40.0,
        mouth_hidden_share=None,
    )


def make_corpus(root: Path, *, consent: dict[str, str] | None = None, labels: Sequence[str] = LABELS) -> Corpus:
    """Write the corpus; everybody consents to everything unless told otherwise. Each first turn has no face."""
    corpus = Corpus.create(root, labels)
    consents = {name: "public" for pair in DYADS.values() for name in pair} | (consent or {})
    sheet = "".join(f"{name},{scope}\n" for name, scope in consents.items())
    write_text(corpus.layout.participants, "participant_id,consent\n" + sheet)
    for place, recording_id in enumerate(DYADS):
        _write_recording(corpus, recording_id, place)
    return corpus


def _write_recording(corpus: Corpus, recording_id: str, place: int) -> None:
    pair = DYADS[recording_id]
    num_turns = TURNS_PER_PERSON * len(pair)
    duration_ms = num_turns * 1000
    write_record(
        corpus.layout.recording(recording_id),
        Recording(
            recording_id=recording_id,
            session_id="evening",
            source=f"raw/{recording_id}.wav",
            sha256="0" * 64,
            size_bytes=1,
            duration_ms=duration_ms,
            video=None,
            audio=AudioStream(
                index=0, codec="pcm", rate_hz=16_000, num_channels=1, span=Span(start_ms=0, end_ms=duration_ms)
            ),
            participants=tuple(SeatedParticipant(participant_id=name) for name in pair),
        ),
    )
    spans = [Span(start_ms=turn * 1000, end_ms=turn * 1000 + TURN_MS) for turn in range(num_turns)]
    names = [make_utterance_id(recording_id, span) for span in spans]
    utterances = [
        Utterance(utterance_id=name, recording_id=recording_id, span=span, speech_ms=TURN_MS, source=SOURCE)
        for name, span in zip(names, spans, strict=True)
    ]
    faces = [None if turn == 0 else make_face(100 + 20 * place + turn) for turn in range(num_turns)]
    bindings = [
        Binding(
            utterance_id=name,
            track_id=f"{recording_id}_t{turn % 2}" if faces[turn] else None,
            speaker_id=pair[turn % 2],
            score=0.9 if faces[turn] else None,
            margin=0.5 if faces[turn] else None,
            reason=BindingReason.BOUND if faces[turn] else BindingReason.NO_FACE,
            source=SOURCE,
        )
        for turn, name in enumerate(names)
    ]
    transcripts = [
        Transcript(utterance_id=name, text=f"turn {turn}, « ça va »!", language="fr", source=SOURCE)
        for turn, name in enumerate(names)
    ]
    clips = [
        Clip(
            utterance_id=name,
            duration_ms=TURN_MS,
            clip=_write_media(corpus, recording_id, name, "clip.mp4", faces[turn] or make_face(50)),
            voice=_write_media(corpus, recording_id, name, "voice.flac", make_voice(150 + 10 * turn + 100 * place)),
            face=_write_media(corpus, recording_id, name, "face.mp4", face) if (face := faces[turn]) else None,
            source=SOURCE,
        )
        for turn, name in enumerate(names)
    ]
    qualities = [
        UtteranceQuality(
            utterance_id=name,
            voice=VoiceQuality(snr_db=20.0 + turn, clipped_share=0, bandwidth_hz=8000, loudness_lufs=-23.0),
            face=make_face_quality(size_px=40 + turn) if faces[turn] else None,
            source=SOURCE,
        )
        for turn, name in enumerate(names)
    ]
    tables = {
        "utterances": utterances,
        "quality": qualities,
        "bindings": bindings,
        "transcripts": transcripts,
        "clips": clips,
    }
    for name, rows in tables.items():
        write_table(corpus.layout.table(recording_id, name), rows)


def _write_media(corpus: Corpus, recording_id: str, utterance_id: str, name: str, content: bytes) -> MediaFile:
    path = corpus.layout.media(recording_id) / utterance_id / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return MediaFile(path=f"media/{utterance_id}/{name}", sha256=digest, size_bytes=len(content))


def utterance_ids(corpus: Corpus) -> list[str]:
    """All utterances in order."""
    return [u.utterance_id for name in corpus.recording_ids() for u in corpus.read(name, Utterance)]


def vote(
    corpus: Corpus,
    file: Path,
    label_of: Callable[[int], Iterable[str]] = lambda place: (LABELS[place % 3],) * 3,
) -> None:
    """Import votes: rater r1, r2, … say the labels that `label_of` gives for the utterance at that place."""
    lines = [
        f"{name},r{number},{label}\n"
        for place, name in enumerate(utterance_ids(corpus))
        for number, label in enumerate(label_of(place), start=1)
    ]
    file.write_text("utterance_id,rater_id,label\n" + "".join(lines), encoding="utf-8")
    import_votes(corpus, file)
