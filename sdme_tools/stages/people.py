"""What the people of one recording look and sound like: a few pictures and half a minute of voice of each, embedded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import VOICE_RATE_HZ, FaceEmbedder, Frame, Voice, VoiceEmbedder
from sdme_tools.corpus.identity import LocalSpeaker
from sdme_tools.media.audio import read_voice
from sdme_tools.media.video import read_frames_at
from sdme_tools.records.face import Box, FaceTrack
from sdme_tools.records.recording import Recording
from sdme_tools.records.stage_config import IdentitySection
from sdme_tools.records.utterance import Utterance

MAX_OVERLAP = 0.2
"""Share of an utterance in which others speak too, above which it says little of whose voice it is."""

Embeddings = NDArray[np.float32]
"""float32[N, D], of length 1 each; NaN rows where there is nothing to see or hear."""


@dataclass(frozen=True)
class PeopleEmbeddings:
    """Everybody of one recording, or of several."""

    names: tuple[str, ...]
    faces: Embeddings
    voices: Embeddings
    num_faces: NDArray[np.int64]
    """int64[N]: pictures behind each row of faces."""
    voice_ms: NDArray[np.int64]
    """int64[N]: sound behind each row of voices."""


@dataclass(frozen=True)
class Glimpse:
    """A face at one moment."""

    t_ms: int
    box: Box


def embed_people(
    recording: Recording,
    source: Path,
    people: Sequence[LocalSpeaker],
    settings: IdentitySection,
    face_embedder: FaceEmbedder,
    voice_embedder: VoiceEmbedder,
) -> PeopleEmbeddings:
    """Embed everybody's face and voice, as far as they are seen and heard; the video is read once.

    Raises:
        MediaError: the recording cannot be decoded.
        BackendError: a backend cannot work.
    """
    glimpses = [choose_glimpses(person.tracks, settings.faces_per_person) for person in people]
    voices = [_gather_voice(recording, source, person.utterances, settings.voice_ms) for person in people]
    faces, num_faces = _embed_faces(recording, source, glimpses, face_embedder)
    heard = voice_embedder.embed_voices(voices)
    is_heard = np.isfinite(heard).all(axis=1)
    lengths = np.array([len(voice) * 1000 // VOICE_RATE_HZ for voice in voices], np.int64)
    return PeopleEmbeddings(
        names=tuple(person.speaker_id for person in people),
        faces=faces,
        voices=heard,
        num_faces=num_faces,
        voice_ms=np.where(is_heard, lengths, 0),
    )


def choose_glimpses(tracks: Sequence[FaceTrack], most: int) -> list[Glimpse]:
    """Choose moments spread over everything that is seen of a person: of each stretch the one with the largest face."""
    seen = [
        Glimpse(t_ms, Box(x_px=x, y_px=y, width_px=width, height_px=height))
        for track in tracks
        for t_ms, (x, y, width, height) in zip(track.t_ms, track.boxes, strict=True)
    ]
    stretches = np.array_split(np.arange(len(seen)), min(most, len(seen))) if seen else []
    return [max((seen[i] for i in stretch), key=lambda g: g.box.width_px * g.box.height_px) for stretch in stretches]


def read_glimpses(recording: Recording, source: Path, glimpses: Sequence[Glimpse]) -> Iterator[tuple[int, Frame]]:
    """Yield (place in `glimpses`, the whole picture of that moment), in order of time.

    Raises:
        MediaError: the recording cannot be decoded.
    """
    at: dict[int, list[int]] = {}
    for place, glimpse in enumerate(glimpses):
        at.setdefault(glimpse.t_ms, []).append(place)
    for t_ms, frame in read_frames_at(source, recording, sorted(at)) if at else ():
        for place in at[t_ms]:
            yield place, frame


def _embed_faces(
    recording: Recording, source: Path, glimpses: Sequence[Sequence[Glimpse]], embedder: FaceEmbedder
) -> tuple[Embeddings, NDArray[np.int64]]:
    """Return the mean face of each person and how many pictures are in it; pictures are held one at a time."""
    every = [glimpse for mine in glimpses for glimpse in mine]
    owners = np.repeat(np.arange(len(glimpses)), [len(mine) for mine in glimpses])
    rows = np.full((len(every), embedder.embed_faces([], []).shape[1]), np.nan, np.float32)
    for place, frame in read_glimpses(recording, source, every):
        rows[place] = embedder.embed_faces([frame], [every[place].box])[0]
    means = np.full((len(glimpses), rows.shape[1]), np.nan, np.float32)
    counts = np.zeros(len(glimpses), np.int64)
    for number in range(len(glimpses)):
        seen = rows[(owners == number) & np.isfinite(rows).all(axis=1)]
        if len(seen):
            means[number], counts[number] = normalise(seen.mean(axis=0)), len(seen)
    return means, counts


def _gather_voice(recording: Recording, source: Path, utterances: Sequence[Utterance], most_ms: int) -> Voice:
    """The longest utterances up to `most_ms` of speech, those in which others speak too only if there are no others."""
    alone = [u for u in utterances if u.overlap_ms <= MAX_OVERLAP * u.span.duration_ms] or list(utterances)
    pieces: list[Voice] = [np.zeros(0, np.float32)]
    length_ms = 0
    for utterance in sorted(alone, key=lambda u: (-u.speech_ms, u.span.start_ms)):
        if length_ms >= most_ms:
            break
        pieces.append(read_voice(source, recording, channel=utterance.channel, span=utterance.span))
        length_ms += utterance.span.duration_ms
    return np.concatenate(pieces)


def normalise(embedding: NDArray[np.floating]) -> NDArray[np.float32]:
    """Bring to length 1, rounded so that the number of threads does not show."""
    length = np.linalg.norm(embedding, axis=-1, keepdims=True)
    return np.round(np.asarray(embedding / np.maximum(length, 1e-12), np.float64), 5).astype(np.float32)
