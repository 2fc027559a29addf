"""The order of the stages, what each reads and writes, and how each is called: the pipeline on one screen.

    segment ──┬───────────────────────────────────▶ transcribe
              ├─▶ speaking ─▶ bind ─▶ quality ─▶ clips
    faces ────┘

A stage's version is part of its receipt: raise it when the stage's code changes its output.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdme_tools.backends import registry
from sdme_tools.backends.packages import require_version
from sdme_tools.corpus.layout import FACE_MEASURES, LANDMARKS
from sdme_tools.errors import SdmeError
from sdme_tools.records.base import Record, Source, combine_sources
from sdme_tools.records.config import CorpusConfig
from sdme_tools.records.face import Binding, FaceTrack
from sdme_tools.records.quality import UtteranceQuality
from sdme_tools.records.recording import Recording
from sdme_tools.records.speaking import Speaking
from sdme_tools.records.utterance import Clip, Drop, Transcript, Utterance

if TYPE_CHECKING:  # protocols needs numpy, which the core does without
    from sdme_tools.backends.protocols import FaceEmbedder


@dataclass(frozen=True)
class StageInput:
    """What a stage may look at."""

    recording: Recording
    source: Path
    """The raw file."""
    recording_dir: Path
    """Where media may be written; tables are the runner's."""
    config: CorpusConfig
    device: registry.Device
    tables: dict[type[Record], list[Any]]
    """The tables that the stage declares to read."""


@dataclass(frozen=True)
class StageOutput:
    """What a stage made."""

    kept: Sequence[Record]
    dropped: Sequence[Drop] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One step for one recording: the unit of work and of resume."""

    name: str
    version: int
    writes: type[Record]
    reads: tuple[type[Record], ...]
    run: Callable[[StageInput], StageOutput]
    identify: Callable[[CorpusConfig, Path, Recording | None], Source | None]
    """Backend, version and weights for a file and its recording (None: asked in general), without loading anything."""
    section: str
    """Section of corpus.toml that decides the output."""
    sections_too: tuple[str, ...] = ()
    """Further sections that decide it."""
    neutral: frozenset[str] = frozenset()
    """Settings of those sections that change the speed only, never the output."""
    uses_gpu: Callable[[CorpusConfig], bool] = lambda _: False
    """Whether its model gains from a GPU: it then runs in the one process that has it."""
    writes_files: tuple[str, ...] = ()
    """Files that it may write into the recording's folder besides its table."""
    reads_files: tuple[str, ...] = ()
    """Files of the stages before it that it reads besides their tables, where they are there."""
    is_pooled: Callable[[CorpusConfig], bool] = lambda _: False
    """Whether short recordings are worked on together: see pools.py."""
    run_pool: Callable[[Sequence[StageInput]], "list[StageOutput | SdmeError]"] | None = None
    """How that is done: one output each, or what is wrong with the recording."""


def _segment(given: StageInput) -> StageOutput:
    from sdme_tools.stages.segment import segment_recording

    settings = given.config.segment
    detector = registry.create_vad(settings, given.device)
    diarizer = registry.create_diarizer(given.config.diarize, given.device)
    kept, dropped = segment_recording(given.recording, given.source, settings, detector, diarizer)
    return StageOutput(kept, dropped, () if kept or dropped else ("no speech found",))


def _identify_segment(config: CorpusConfig, source: Path, recording: Recording | None) -> Source:
    diarizer = registry.create_diarizer(config.diarize, "cpu")
    teller = diarizer.identify() if recording is None else diarizer.identify_for(recording, source)
    return combine_sources(registry.create_vad(config.segment, "cpu").identify(), teller)


def _faces(given: StageInput) -> StageOutput:
    from sdme_tools.stages.faces import track_faces

    if given.recording.video is None:
        return StageOutput([], [], ("no video stream",))
    settings = given.config.faces
    kept, dropped = track_faces(
        given.recording,
        given.source,
        settings,
        registry.create_face_detector(settings, given.device),
        _create_joining_embedder(given.config, given.device),
        recording_dir=given.recording_dir,
        made_by=_identify_faces(given.config),
    )
    return StageOutput(kept, dropped, () if kept else ("no face found",))


def _create_joining_embedder(config: CorpusConfig, device: registry.Device) -> "FaceEmbedder | None":
    name = config.faces.join_backend
    return registry.create_face_embedder(config.identity, device, name=name) if name else None


def _identify_faces(config: CorpusConfig) -> Source:
    """The detector, what finds cuts, and what joins tracks: all of them decide the output."""
    found = [registry.create_face_detector(config.faces, "cpu").identify()]
    if config.faces.cut_threshold:
        found.append(Source(backend="scenedetect", version=require_version("scenedetect")))
    embedder = _create_joining_embedder(config, "cpu")
    return combine_sources(*found, *([embedder.identify()] if embedder else []))


def _speaking(given: StageInput) -> StageOutput:
    from sdme_tools.stages.speaking import score_speaking

    scorer = registry.create_speaking_scorer(given.config.speaking, given.device)
    utterances, tracks = given.tables[Utterance], given.tables[FaceTrack]
    return StageOutput(score_speaking(given.recording, given.source, utterances, tracks, scorer))


def _bind(given: StageInput) -> StageOutput:
    from sdme_tools.stages.bind import bind_utterances

    tables = given.tables
    return StageOutput(
        bind_utterances(given.recording, tables[Utterance], tables[FaceTrack], tables[Speaking], given.config.bind)
    )


def _transcribe(given: StageInput) -> StageOutput:
    (output,) = _transcribe_pool([given])
    if isinstance(output, SdmeError):
        raise output
    return output


def _transcribe_pool(given: Sequence[StageInput]) -> list[StageOutput | SdmeError]:
    from sdme_tools.stages.transcribe import Spoken, describe_work, transcribe_together

    transcriber = registry.create_transcriber(given[0].config.transcribe, given[0].device)
    spoken = [Spoken(one.recording, one.source, one.tables[Utterance]) for one in given]
    made = transcribe_together(spoken, transcriber)
    return [one if isinstance(one, SdmeError) else StageOutput(one, notes=describe_work(one)) for one in made]


def _quality(given: StageInput) -> StageOutput:
    from sdme_tools.stages.quality import measure_utterances

    tables = given.tables
    return StageOutput(
        *measure_utterances(
            given.recording,
            given.source,
            tables[Utterance],
            tables[Binding],
            tables[FaceTrack],
            given.config.quality,
            given.recording_dir,
        )
    )


def _clips(given: StageInput) -> StageOutput:
    from sdme_tools.stages.clips import cut_clips

    tables = given.tables
    return StageOutput(
        cut_clips(
            given.recording,
            given.source,
            choose_standing(tables),
            tables[Binding],
            tables[FaceTrack],
            given.config.clips,
            given.recording_dir,
        )
    )


def choose_standing(tables: dict[type[Record], list[Any]]) -> list[Utterance]:
    """The utterances that a stage answers for: all, or without those that [quality] left out where it reads that."""
    left_out = {row.utterance_id for row in tables.get(UtteranceQuality, []) if row.failed_gates}
    return [row for row in tables[Utterance] if row.utterance_id not in left_out]


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            name="segment",
            version=3,
            reads=(),
            writes=Utterance,
            run=_segment,
            identify=_identify_segment,
            section="segment",
            sections_too=("diarize",),
            # The hash of the pipeline speaks for where it lies.
            neutral=frozenset({"folder", "model", "revision", "segmentation_batch_size", "embedding_batch_size"}),
            uses_gpu=lambda config: config.diarize.backend not in registry.NEED_NO_GPU,
        ),
        Stage(
            name="faces",
            version=2,
            reads=(),
            writes=FaceTrack,
            run=_faces,
            identify=lambda config, *_: _identify_faces(config),
            section="faces",
            writes_files=(FACE_MEASURES, LANDMARKS),
            neutral=frozenset({"detector_model", "landmark_model"}),  # the hash of the weights speaks for them
        ),
        Stage(
            name="speaking",
            version=1,
            reads=(Utterance, FaceTrack),
            writes=Speaking,
            run=_speaking,
            identify=lambda config, *_: registry.create_speaking_scorer(config.speaking, "cpu").identify(),
            section="speaking",
            neutral=frozenset({"batch_frames", "model"}),  # the hash of the weights speaks for the model
            uses_gpu=lambda config: config.speaking.backend not in registry.NEED_NO_GPU,
        ),
        Stage(
            name="bind",
            version=3,
            reads=(Utterance, FaceTrack, Speaking),
            writes=Binding,
            run=_bind,
            identify=lambda *_: None,
            section="bind",
        ),
        Stage(
            name="transcribe",
            version=3,
            reads=(Utterance,),
            writes=Transcript,
            run=_transcribe,
            identify=lambda config, source, _: registry.create_transcriber(config.transcribe, "cpu").identify_for(
                source
            ),
            section="transcribe",
            is_pooled=lambda config: registry.pools_recordings(config.transcribe),
            run_pool=_transcribe_pool,
            neutral=frozenset({"batch_size", "model"}),  # the hash of the weights speaks for the model
            uses_gpu=lambda _: True,
        ),
        Stage(
            name="quality",
            version=1,
            reads=(Utterance, FaceTrack, Binding),
            writes=UtteranceQuality,
            run=_quality,
            identify=lambda *_: None,
            section="quality",
            reads_files=(FACE_MEASURES,),
        ),
        Stage(
            name="clips",
            version=4,
            reads=(Utterance, FaceTrack, Binding, UtteranceQuality),
            writes=Clip,
            run=_clips,
            identify=lambda *_: None,
            section="clips",
            reads_files=(FACE_MEASURES,),
        ),
    )
}


def stages_before(stage: Stage) -> list[Stage]:
    """The stages whose tables this one reads."""
    return [other for other in STAGES.values() if other.writes in stage.reads]


def choose_stages(names: Sequence[str]) -> list[Stage]:
    """The named stages in pipeline order; all where none is named."""
    return [stage for stage in STAGES.values() if not names or stage.name in names]
