"""A corpus of any size as the stages would leave it: real bytes that decode, tables and votes, nobody's data."""

import hashlib
import io
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from sdme_tools.annotation.consensus import derive_consensus
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import write_record, write_table, write_text
from sdme_tools.records.annotation import Annotation, Condition, ConsensusRule, Item, Round, make_item_id
from sdme_tools.records.base import Record, Source
from sdme_tools.records.face import Binding, BindingReason
from sdme_tools.records.quality import FaceMaterialQuality, UtteranceQuality, VoiceQuality
from sdme_tools.records.recording import AudioStream, Recording, SeatedParticipant
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Clip, MediaFile, Transcript, Utterance, Word, make_utterance_id

LABELS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
SHARES = (0.12, 0.06, 0.05, 0.2, 0.35, 0.15, 0.07)
WORDS = (
    "we",
    "could",
    "go",
    "there",
    "again",
    "tomorrow",
    "if",
    "you",
    "want",
    "to",
    "see",
    "what",
    "it",
    "was",
    "like",
)
PER_RECORDING = 200
VOTES_EACH = 3
TURN_MS = 2500
SPEECH_MS = 2000
SOURCE = Source(backend="generated", version="1", weights="0" * 64)

Pools = tuple[list[bytes], list[bytes]]
"""Voices and faces, which utterances pad to their own sizes."""


def make_corpus(root: Path, num_utterances: int, num_bytes: int, num_participants: int) -> Path:
    """Write a corpus as the stages would leave it: dyads that meet again and again, everybody consents."""
    corpus = Corpus.create(root, LABELS)
    names = [f"p{number:03}" for number in range(num_participants)]
    write_text(corpus.layout.participants, "participant_id,consent\n" + "".join(f"{n},public\n" for n in names))
    random = np.random.default_rng(0)
    pools = ([make_voice(random, 800 + 100 * i) for i in range(24)], [make_face(i) for i in range(24)])
    sizes = random.lognormal(0, 0.6, (num_utterances, 2))
    sizes *= num_bytes / sizes.sum()
    utterance_ids: list[str] = []
    for number in range(0, num_utterances, PER_RECORDING):
        dyad = 2 * (number // PER_RECORDING % (num_participants // 2))
        recording_id = f"r{number // PER_RECORDING:05}"
        part = sizes[number : number + PER_RECORDING].astype(int)
        utterance_ids += write_recording(corpus, recording_id, (names[dyad], names[dyad + 1]), part, pools, random)
    write_round(corpus, utterance_ids, random)
    return root


def write_recording(
    corpus: Corpus,
    recording_id: str,
    pair: tuple[str, str],
    sizes: NDArray[np.int64],
    pools: Pools,
    random: np.random.Generator,
) -> list[str]:
    """Write a recording of turns whose media have the given sizes; returns the ids of its utterances."""
    duration_ms = TURN_MS * len(sizes)
    stream = AudioStream(
        index=0, codec="pcm", rate_hz=16_000, num_channels=1, span=Span(start_ms=0, end_ms=duration_ms)
    )
    recording = Recording(
        recording_id=recording_id,
        session_id=recording_id,
        source=f"raw/{recording_id}.wav",
        sha256=hashlib.sha256(recording_id.encode()).hexdigest(),
        size_bytes=1,
        duration_ms=duration_ms,
        video=None,
        audio=stream,
        participants=tuple(SeatedParticipant(participant_id=name) for name in pair),
    )
    write_record(corpus.layout.recording(recording_id), recording)
    spans = [Span(start_ms=turn * TURN_MS, end_ms=turn * TURN_MS + SPEECH_MS) for turn in range(len(sizes))]
    ids = [make_utterance_id(recording_id, span) for span in spans]
    tables: dict[str, list[Record]] = {n: [] for n in ("utterances", "bindings", "transcripts", "quality", "clips")}
    for turn, (name, span) in enumerate(zip(ids, spans, strict=True)):
        voice, face = (
            pad(pool[random.integers(len(pool))], int(size), random)
            for pool, size in zip(pools, sizes[turn], strict=True)
        )
        rows = describe_turn(recording_id, name, span, pair[turn % 2], random)
        rows["clips"] = Clip(
            utterance_id=name,
            duration_ms=SPEECH_MS,
            clip=None,
            voice=write_medium(corpus, recording_id, name, "voice.flac", voice),
            face=write_medium(corpus, recording_id, name, "face.mp4", face),
            source=SOURCE,
        )
        for table, row in rows.items():
            tables[table].append(row)
    for table, listed in tables.items():
        write_table(corpus.layout.table(recording_id, table), listed)
    return ids


def describe_turn(
    recording_id: str, utterance_id: str, span: Span, speaker_id: str, random: np.random.Generator
) -> dict[str, Record]:
    """Make the rows of an utterance, but for its clip, by table."""
    words = [str(word) for word in random.choice(WORDS, 8)]
    timed = tuple(
        Word(
            text=word,
            span=Span(start_ms=span.start_ms + 200 * i, end_ms=span.start_ms + 200 * i + 150),
            probability=0.9,
        )
        for i, word in enumerate(words)
    )
    return {
        "utterances": Utterance(
            utterance_id=utterance_id, recording_id=recording_id, span=span, speech_ms=SPEECH_MS, source=SOURCE
        ),
        "bindings": Binding(
            utterance_id=utterance_id,
            track_id=f"{recording_id}_t0",
            speaker_id=speaker_id,
            score=float(random.random()),
            margin=0.5,
            reason=BindingReason.BOUND,
            source=SOURCE,
        ),
        "transcripts": Transcript(
            utterance_id=utterance_id, text=" ".join(words), language="en", words=timed, source=SOURCE
        ),
        "quality": UtteranceQuality(
            utterance_id=utterance_id,
            voice=VoiceQuality(
                snr_db=float(random.normal(20, 5)), clipped_share=0, bandwidth_hz=8000, loudness_lufs=-23.0
            ),
            face=FaceMaterialQuality(
                seen_share=float(random.random()),
                interpolated_share=0.0,
                held_share=0.0,
                median_size_px=int(random.integers(40, 200)),
                median_sharpness=float(random.normal(80, 10)),
                median_yaw_deg=float(random.normal(0, 15)),
                median_pitch_deg=float(random.normal(0, 5)),
                median_roll_deg=float(random.normal(0, 5)),
                brightness=float(random.normal(120, 10)),
                contrast=float(random.normal(40, 5)),
                mouth_hidden_share=0.0,
            ),
            source=SOURCE,
        ),
    }


def write_medium(corpus: Corpus, recording_id: str, utterance_id: str, name: str, content: bytes) -> MediaFile:
    """Write a file of an utterance."""
    path = corpus.layout.media(recording_id) / utterance_id / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return MediaFile(path=f"media/{utterance_id}/{name}", sha256=digest, size_bytes=len(content))


def write_round(corpus: Corpus, utterance_ids: list[str], random: np.random.Generator) -> None:
    """Write a round in which most raters hear what is meant."""
    campaign = Round(round_id="main", labels=LABELS, cannot_tell=corpus.config.corpus.cannot_tell, origin="import")
    items = [
        Item(item_id=make_item_id(u, Condition.FULL), round_id="main", utterance_id=u, condition=Condition.FULL)
        for u in utterance_ids
    ]
    meant = random.choice(len(LABELS), len(items), p=SHARES)
    heard = random.choice(len(LABELS), (len(items), VOTES_EACH), p=SHARES)
    heard = np.where(random.random(heard.shape) < 0.8, meant[:, None], heard)
    raters = [random.permutation(20)[:VOTES_EACH] for _ in range(100)]
    votes = [
        Annotation(item_id=item.item_id, rater_id=f"rater{rater:02}", label=LABELS[label], lead_ms=3000)
        for number, item in enumerate(items)
        for rater, label in zip(raters[number % 100], heard[number], strict=True)
    ]
    folder = corpus.layout.round_dir("main")
    write_record(folder / "round.json", campaign)
    write_table(folder / "items.jsonl", items)
    write_table(folder / "annotations.jsonl", votes)
    write_table(folder / "consensus.jsonl", derive_consensus(campaign, items, votes, ConsensusRule()))


def pad(content: bytes, size_bytes: int, random: np.random.Generator) -> bytes:
    """Bring a FLAC or an MP4 to a size with random bytes that decoders pass over."""
    missing = max(0, size_bytes - len(content) - 8)
    filler = random.bytes(missing)
    if not content.startswith(b"fLaC"):
        return content + (missing + 8).to_bytes(4) + b"free" + filler
    end = 4 + 4 + int.from_bytes(content[5:8])  # STREAMINFO comes first
    is_last, kind = content[4] & 0x80, 2  # the block of an application
    block = bytes([is_last | kind]) + (missing + 4).to_bytes(3) + b"made" + filler
    return content[:4] + bytes([content[4] & 0x7F]) + content[5:end] + block + content[end:]


def make_voice(random: np.random.Generator, duration_ms: int) -> bytes:
    """Noise as FLAC, 16 kHz mono."""
    pcm = random.normal(0, 300, duration_ms * 16).astype(np.int16)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return buffer.getvalue()


def make_face(number: int) -> bytes:
    """A bright square that wanders over a dark picture, as MP4, 64×64 at 25 frames a second."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for step in range(20):
            picture = np.zeros((64, 64, 3), np.uint8)
            picture[number : number + 20, step : step + 20] = 200
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()
