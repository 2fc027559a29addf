"""A small corpus of real faces as the stages would leave it: two portraits, filmed together once and alone twice.

monday: the astronaut left and the admiral right, at the same time; tuesday: the admiral; friday: the astronaut.
Their voices are silence, which is nobody's.
"""

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import matplotlib.cbook
import numpy as np
import skimage.data
from numpy.typing import NDArray

from sdme_tools.corpus.consistency import hash_recording
from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.receipt import Basis, Receipt, describe_file
from sdme_tools.corpus.table import write_record, write_table
from sdme_tools.records.base import Record
from sdme_tools.records.face import Binding, BindingReason, FaceQuality, FaceTrack
from sdme_tools.records.recording import Recording, SeatedParticipant
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Utterance
from tests.factories import SOURCE, ingest, make_utterance

Picture = NDArray[np.uint8]
SIDE_PX = 256
NUM_FRAMES, FPS = 8, 4
BOXES = {"astronaut": (70, 50, 115, 115), "admiral": (70, 60, 110, 110)}
PLAN = {"monday": ("astronaut", "admiral"), "tuesday": ("admiral",), "friday": ("astronaut",)}


def portrait(name: str) -> Picture:
    """uint8[256, 256, 3] RGB with the face at BOXES[name]."""
    if name == "astronaut":
        return np.ascontiguousarray(skimage.data.astronaut()[15 : 15 + SIDE_PX, 100 : 100 + SIDE_PX])
    path = Path(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    picture = cv2.imread(str(path))[25 : 25 + 450, 45 : 45 + 450, ::-1]
    return np.asarray(cv2.resize(np.ascontiguousarray(picture), (SIDE_PX, SIDE_PX)), np.uint8)


def film(path: Path, people: Sequence[str], *, light: float) -> Path:
    """Two seconds of portraits side by side in their own light, with a silent sound track."""
    still = np.concatenate([portrait(name) for name in people], axis=1)
    still = np.clip(still.astype(np.float64) * light, 0, 255).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "18", "threads": "1"})
        stream.height, stream.width = still.shape[:2]
        stream.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=16_000, layout="mono")
        for _ in range(NUM_FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(still, format="rgb24")))
        container.mux(stream.encode(None))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16_000 * NUM_FRAMES // FPS), np.float32), "fltp", "mono")
        silence.sample_rate = 16_000
        container.mux([*sound.encode(silence), *sound.encode(None)])
    return path


def make_speaker_corpus(root: Path, seats: dict[str, Sequence[str | None]] | None = None) -> Corpus:
    """Write the corpus; `seats` names participants, from left to right, of recordings (all of p01 to p04 consent)."""
    corpus = open_sparing(Corpus.create(root).root)
    corpus.layout.participants.write_text(
        "participant_id,consent\n" + "".join(f"p{number:02d},public\n" for number in range(1, 5))
    )
    for place, (recording_id, people) in enumerate(PLAN.items()):
        recording = ingest(film(root / f"{recording_id}.mp4", people, light=1 - 0.08 * place))
        recording = recording.model_copy(update={"source": f"{recording_id}.mp4"})  # so that the corpus can be copied
        add_recording(corpus, recording, people, (seats or {}).get(recording_id, [None] * len(people)))
    return corpus


def open_sparing(root: Path) -> Corpus:
    """Open a corpus in which two pictures a face are enough."""
    corpus = Corpus.open(root)
    identity = corpus.config.identity.model_copy(update={"faces_per_person": 2})
    return Corpus(root, corpus.config.model_copy(update={"identity": identity}))


def add_recording(
    corpus: Corpus, recording: Recording, people: Sequence[str], names: Sequence[str | None], *, first_number: int = 1
) -> None:
    """Write a recording with its tracks, one utterance each, and the receipts of the stages."""
    seated = [SeatedParticipant(participant_id=name, seat=str(i)) for i, name in enumerate(names, start=1) if name]
    recording = recording.model_copy(update={"participants": tuple(seated)})
    recording_id = recording.recording_id
    write_record(corpus.layout.recording(recording_id), recording)
    tracks = [
        _track(recording, first_number + place, person, place * SIDE_PX, names[place])
        for place, person in enumerate(people)
    ]
    utterances = [make_utterance(recording, 900 * place, 900 * place + 800) for place in range(len(people))]
    bindings = [
        Binding(
            utterance_id=utterance.utterance_id,
            track_id=track.track_id,
            speaker_id=track.participant_id,
            score=0.9,
            margin=0.9,
            reason=BindingReason.BOUND,
            source=SOURCE,
        )
        for utterance, track in zip(utterances, tracks, strict=True)
    ]
    stages: dict[str, tuple[type[Record], Sequence[Record]]] = {
        "segment": (Utterance, utterances),
        "faces": (FaceTrack, tracks),
        "bind": (Binding, bindings),
    }
    for stage, (kind, rows) in stages.items():
        table = corpus.layout.table(recording_id, TABLE_NAMES[kind])
        write_table(table, rows)
        basis = Basis(
            stage=stage,
            stage_version=1,
            parameters={},
            backend=SOURCE,
            inputs={"recording": hash_recording(recording)},
        )
        outputs = (describe_file(table, corpus.layout.recording_dir(recording_id)),)
        receipt = Receipt(
            fingerprint=basis.fingerprint(), basis=basis, outputs=outputs, num_kept=len(rows), num_dropped=0
        )
        write_record(corpus.layout.receipt(recording_id, stage), receipt)


def _track(recording: Recording, number: int, person: str, x_px: int, participant_id: str | None) -> FaceTrack:
    x, y, width, height = BOXES[person]
    t_ms = tuple(range(0, NUM_FRAMES * 1000 // FPS, 250))
    return FaceTrack(
        track_id=f"{recording.recording_id}_f{number}",
        recording_id=recording.recording_id,
        span=Span(start_ms=0, end_ms=NUM_FRAMES * 1000 // FPS),
        participant_id=participant_id,
        t_ms=t_ms,
        boxes=((x + x_px, y, width, height),) * len(t_ms),
        mouth_opening=(None,) * len(t_ms),
        quality=FaceQuality(median_size_px=width, median_sharpness=None, frontal_share=1, detected_share=1),
        source=SOURCE,
    )
