"""corpus.toml as a record: every default is written here and nowhere else.

A field's description becomes the comment above it in the corpus.toml that `sdme init` writes (corpus_toml.py).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from sdme_tools.records.base import Record
from sdme_tools.records.face import Share
from sdme_tools.records.recording import Consent, Identifier
from sdme_tools.records.release import Split

Options = dict[str, str | int | float | bool]

DEFAULT_LABELS = ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust")


class CorpusSection(Record):
    """What the corpus is called and which labels it knows."""

    name: Annotated[Identifier, Field(description="Name of the corpus, used in releases.")] = "corpus"
    labels: Annotated[
        tuple[str, ...], Field(description="The single-choice label set, in class order. Fixed once votes exist.")
    ] = DEFAULT_LABELS
    cannot_tell: Annotated[str, Field(description="What a rater chooses who cannot tell; kept, never a class.")] = (
        "cannot tell"
    )

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        names = [*self.labels, self.cannot_tell]
        if len(self.labels) < 2:
            raise ValueError(f"at least two labels are needed, got {list(self.labels)}")
        if len(set(names)) != len(names) or not all(name.strip() == name and name for name in names):
            raise ValueError(f"labels must be distinct, not empty and without outer spaces, got {names}")
        return self


class SegmentSection(Record):
    """How a recording's sound becomes utterances."""

    backend: Annotated[str, Field(description="Voice activity detector: silero, or my_package.module:Class.")] = (
        "silero"
    )
    threshold: Annotated[
        Share, Field(description="Speech probability that counts as speech. Lower finds quiet speech, and noise.")
    ] = 0.25
    min_speech_ms: Annotated[NonNegativeInt, Field(description="Shorter bursts of speech are ignored.")] = 100
    split_pause_ms: Annotated[PositiveInt, Field(description="A pause at least this long ends an utterance.")] = 500
    padding_ms: Annotated[
        NonNegativeInt, Field(description="Kept before and after the speech, never reaching into a neighbour's speech.")
    ] = 250
    min_utterance_ms: Annotated[
        NonNegativeInt, Field(description="Utterances with less speech than this are dropped (too_short).")
    ] = 300
    max_utterance_ms: Annotated[
        PositiveInt, Field(description="Longer utterances are split at their longest pause.")
    ] = 15_000
    max_overlap_share: Annotated[
        Share,
        Field(
            description="Where another voice overlaps a larger share of an utterance's speech, it is flagged (overlap)."
        ),
    ] = 0.5
    drop_overlap: Annotated[bool, Field(description="Drop such utterances (overlap) instead of flagging them.")] = False
    vocal_events: Annotated[
        Literal["join", "keep", "ignore"],
        Field(
            description="Voice without words (laugh, sigh, cry): join = part of the utterance beside it, an utterance "
            "of kind vocal where there is none; keep = always one of kind vocal; ignore = not looked for."
        ),
    ] = "join"
    vocal_min_ms: Annotated[
        PositiveInt, Field(description="Shorter bursts of voice without words are not taken for one.")
    ] = 150
    vocal_max_ms: Annotated[
        PositiveInt, Field(description="Longer sounds are no vocal event: music, a machine, a hum.")
    ] = 5000
    vocal_level_db: Annotated[
        float, Field(ge=0, description="How far above the background noise a voice without words must lie.")
    ] = 15.0
    vocal_harmonicity: Annotated[
        Share, Field(description="How periodic it must be: 0 = noise, 1 = a pure tone; a voiced sound lies above .5.")
    ] = 0.6
    options: Annotated[Options, Field(description="Handed to a detector of your own.")] = {}

    @model_validator(mode="after")
    def _minimum_below_maximum(self) -> Self:
        if self.min_utterance_ms >= self.max_utterance_ms:
            raise ValueError(
                f"min_utterance_ms ({self.min_utterance_ms}) must lie below max_utterance_ms ({self.max_utterance_ms})"
            )
        return self


class DiarizeSection(Record):
    """How a recording's voices are told apart."""

    backend: Annotated[
        str,
        Field(
            description="auto (from recordings.csv: a channel each = channels, one participant = single, else visual), "
            "channels, single, visual (by the bound face), pyannote, rttm (NAME.rttm beside the recording), "
            "or my_package.module:Class."
        ),
    ] = "auto"
    crosstalk_db: Annotated[
        float,
        Field(
            gt=0,
            description="channels: where another's microphone hears the same moment louder by this much, it is their "
            "voice and not the owner's (crosstalk).",
        ),
    ] = 8.0
    folder: Annotated[
        str, Field(description='pyannote: folder of a pipeline (config.yaml, …); "" = the fetched `model`.')
    ] = ""
    model: Annotated[
        str, Field(description="pyannote: name on the hub, fetched by `sdme models fetch pyannote:NAME@REVISION`.")
    ] = "pyannote/speaker-diarization-community-1"
    revision: Annotated[
        str, Field(description="pyannote: commit or tag of `model` on the hub; the fetch pins it to a commit.")
    ] = "main"
    num_speakers: Annotated[
        NonNegativeInt, Field(description="pyannote: how many people speak, where known; 0 = found out.")
    ] = 0
    segmentation_batch_size: Annotated[
        PositiveInt, Field(description="pyannote: windows that are segmented at a time.")
    ] = 32
    embedding_batch_size: Annotated[PositiveInt, Field(description="pyannote: voices that are embedded at a time.")] = (
        32
    )
    options: Annotated[Options, Field(description="Handed to a diarizer of your own.")] = {}


class FacesSection(Record):
    """How faces are found and followed."""

    backend: Annotated[str, Field(description="Face detector: mediapipe, or my_package.module:Class.")] = "mediapipe"
    detector_model: Annotated[
        str, Field(description='Path of a face detection model; "" = the one `sdme models fetch` brings.')
    ] = ""
    landmark_model: Annotated[
        str, Field(description='Path of a face landmark model (.tflite); "" = the one `sdme models fetch` brings.')
    ] = ""
    frames_per_second: Annotated[float, Field(gt=0, le=60, description="How many pictures a second are looked at.")] = (
        12.5
    )
    min_confidence: Annotated[Share, Field(description="Detections below this are ignored.")] = 0.5
    min_face_px: Annotated[PositiveInt, Field(description="Faces smaller than this are ignored.")] = 24
    min_overlap: Annotated[
        Share, Field(description="Overlap (IoU) with a track's last box that continues the track.")
    ] = 0.3
    max_gap_ms: Annotated[PositiveInt, Field(description="A face gone for longer than this starts a new track.")] = 1000
    min_track_ms: Annotated[NonNegativeInt, Field(description="Shorter tracks are dropped (short_track).")] = 400
    cut_threshold: Annotated[
        float,
        Field(
            ge=0,
            le=255,
            description="Change between two pictures (mean of hue, saturation and luma, 0 to 255) that is a shot cut, "
            "over which no face is followed. 0 = look for none.",
        ),
    ] = 27.0
    join_min_overlap: Annotated[
        Share,
        Field(
            description="A face lost and found in the same shot is joined by place if its boxes overlap by this (IoU). "
            "1 = never by place."
        ),
    ] = 0.5
    join_gap_ms: Annotated[
        NonNegativeInt, Field(description="Longest absence that is bridged by place; longer ones need appearance.")
    ] = 10_000
    join_backend: Annotated[
        str,
        Field(
            description="What tells whether a face seen before a cut or a long absence is the same: appearance (no "
            'model), dlib, or my_package.module:Class; "" = nothing does, and such faces stay apart.'
        ),
    ] = "appearance"
    join_min_similarity: Annotated[
        Share,
        Field(
            description="Likeness (cosine) that makes two parts one person; what is in doubt stays apart. "
            "0.97 suits appearance, 0.95 dlib."
        ),
    ] = 0.97
    landmarks: Annotated[
        Literal["all", "contours", "none"],
        Field(
            description="Which landmarks landmarks.npz keeps of each sighting: all 468 (90 MB an hour and face), "
            "contours (25 MB: the 128 of lips, eyes, brows and oval), or none."
        ),
    ] = "contours"
    options: Annotated[Options, Field(description="Handed to a detector of your own.")] = {}


class SpeakingSection(Record):
    """How much each visible face talks while an utterance is heard."""

    backend: Annotated[
        str,
        Field(
            description="mouth_movement (lips and level, nothing to fetch), lr-asd (a network; `sdme models fetch "
            "lr-asd`), torchscript or onnx (a file of your own), or my_package.module:Class."
        ),
    ] = "mouth_movement"
    model: Annotated[
        str, Field(description='Path of the weights (./here = this folder); "" = those that were fetched for lr-asd.')
    ] = ""
    batch_frames: Annotated[
        PositiveInt, Field(description="Pictures of faces given to a network at a time; more take more memory.")
    ] = 256
    options: Annotated[Options, Field(description="Handed to a scorer of your own.")] = {}


class BindSection(Record):
    """When an utterance is bound to a face, and when not: a wrong face is worse than none."""

    min_visible_share: Annotated[
        Share, Field(description="A face must be seen in at least this share of the utterance's speech.")
    ] = 0.5
    max_overlap_share: Annotated[
        Share, Field(description="With more of its speech under another voice an utterance gets no face (overlap).")
    ] = 0.5
    min_confidence: Annotated[
        Share, Field(description="Confidence that a binding needs; higher binds fewer utterances, and fewer wrongly.")
    ] = 0.8


class TranscribeSection(Record):
    """Where the words come from."""

    backend: Annotated[
        str,
        Field(
            description="whisper (openai-whisper), sidecar (.srt .vtt .txt .json next to the recording), "
            "or my_package.module:Class."
        ),
    ] = "whisper"
    model: Annotated[
        str, Field(description="Whisper model name (turbo, small, …) or path of a checkpoint (./here = this folder).")
    ] = "turbo"
    language: Annotated[str, Field(description='ISO 639-1 code; "" = detected for each utterance.')] = ""
    min_window_s: Annotated[
        float,
        Field(
            ge=2,
            le=30,
            description="Shortest stretch that the recogniser hears at a time, in seconds. 30 is what published "
            "Whisper models were trained on. 2 makes short utterances several times faster, but many checkpoints "
            "repeat themselves then: some utterances are heard both ways, and all where the two differ (redone).",
        ),
    ] = 30.0
    retry: Annotated[
        bool, Field(description="Decode doubtful texts again at higher temperatures; false = keep them as they are.")
    ] = True
    batch_size: Annotated[PositiveInt, Field(description="Windows decoded at a time; at most 64 fit together.")] = 16
    options: Annotated[Options, Field(description="Handed to a recogniser of your own.")] = {}


class QualitySection(Record):
    """Which material is too poor to keep. Every gate is open at first: look at quality.jsonl, then close some."""

    min_snr_db: Annotated[float, Field(description="voice_noisy: speech over pauses in dB.")] = -100.0
    max_clipped_share: Annotated[Share, Field(description="voice_clipped: samples at the end of the scale.")] = 1.0
    min_bandwidth_hz: Annotated[NonNegativeInt, Field(description="voice_narrow: 4000 is a telephone.")] = 0
    min_loudness_lufs: Annotated[float, Field(description="voice_quiet: integrated loudness (EBU R128).")] = -100.0
    min_seen_share: Annotated[Share, Field(description="face_rarely_seen: share of pictures that show the face.")] = 0.0
    min_size_px: Annotated[NonNegativeInt, Field(description="face_small: longer side of the face's box.")] = 0
    min_sharpness: Annotated[float, Field(ge=0, description="face_blurred: variance of the Laplacian.")] = 0.0
    max_turn_deg: Annotated[
        float, Field(ge=0, le=180, description="face_turned: yaw or pitch away from the camera.")
    ] = 180.0
    max_roll_deg: Annotated[float, Field(ge=0, le=180, description="face_tilted: roll in the picture plane.")] = 180.0
    min_brightness: Annotated[float, Field(ge=0, le=255, description="face_dark: mean luma of the face.")] = 0.0
    max_brightness: Annotated[float, Field(ge=0, le=255, description="face_bright: mean luma of the face.")] = 255.0
    min_contrast: Annotated[float, Field(ge=0, description="face_flat: standard deviation of its luma.")] = 0.0
    max_mouth_hidden_share: Annotated[
        Share, Field(description="mouth_hidden: share of pictures in which something seems to cover the mouth.")
    ] = 1.0


class ClipsSection(Record):
    """What is cut out for raters and for training."""

    crf: Annotated[int, Field(ge=0, le=51, description="H.264 quality of clip.mp4 and face.mp4; lower is better.")] = 20
    frames_per_second: Annotated[
        float, Field(ge=0, le=120, description="Constant frame rate of the clips; 0 = the recording's own average.")
    ] = 0.0
    face_size_px: Annotated[int, Field(ge=32, le=1024, multiple_of=2, description="Side of the square face crop.")] = (
        224
    )
    face_context: Annotated[
        float, Field(ge=1, le=4, description="Side of the crop over the longer side of the face box.")
    ] = 1.5


class IdentitySection(Record):
    """How people are recognised again, within a recording and from one to another (`sdme speakers link`)."""

    face_backend: Annotated[
        str,
        Field(
            description="What tells faces apart: dlib (`sdme models fetch identity`), appearance (no model; only good "
            "within a recording), or my_package.module:Class."
        ),
    ] = "dlib"
    face_model: Annotated[
        str, Field(description='Path of dlib\'s face descriptor; "" = the one `sdme models fetch identity` brings.')
    ] = ""
    face_corner_model: Annotated[
        str,
        Field(description='Path of dlib\'s five-landmark model; "" = the one `sdme models fetch identity` brings.'),
    ] = ""
    voice_backend: Annotated[
        str,
        Field(
            description="What tells voices apart: resemblyzer (`sdme models fetch identity`), "
            "or my_package.module:Class."
        ),
    ] = "resemblyzer"
    voice_model: Annotated[
        str, Field(description='Path of a GE2E voice encoder; "" = the one `sdme models fetch identity` brings.')
    ] = ""
    faces_per_person: Annotated[
        PositiveInt, Field(description="Pictures of a face that are compared, spread over the recording.")
    ] = 8
    voice_ms: Annotated[
        PositiveInt, Field(description="Sound of a voice that is compared, the longest utterances first.")
    ] = 30_000
    prior: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            description="How likely any two speakers of two recordings are one person, before they are looked at.",
        ),
    ] = 0.05
    min_confidence: Annotated[Share, Field(description="Pairs at least this likely to be one person are proposed.")] = (
        0.5
    )
    options: Annotated[Options, Field(description="Handed to a backend of your own.")] = {}


class AnnotateSection(Record):
    """What raters are asked, in their language, and how rounds are laid out (`sdme round create`)."""

    question: Annotated[str, Field(min_length=1, description="What raters are asked about each clip.")] = (
        "Which emotion does this person express?"
    )
    display: Annotated[
        dict[str, str],
        Field(description='What raters read instead of a label, such as { happiness = "Freude" }; votes hold labels.'),
    ] = {}
    definitions: Annotated[
        dict[str, str], Field(description="What the guidelines say about a label, instead of the built-in words.")
    ] = {}
    confidence_question: Annotated[str, Field(min_length=1, description="How raters are asked for confidence.")] = (
        "How sure are you?"
    )
    confidence: Annotated[
        tuple[str, ...],
        Field(max_length=7, description="Its answers, from least (0) to most sure (1); [] = not asked."),
    ] = ("not sure", "fairly sure", "very sure")
    reason_question: Annotated[str, Field(min_length=1, description="How who cannot tell is asked for the reason.")] = (
        "Why can you not tell?"
    )
    reasons: Annotated[
        dict[str, str],
        Field(min_length=1, max_length=7, description="Reasons: the code that is kept, and what raters read."),
    ] = {
        "unclear": "nothing clear to see or hear",
        "mixed": "several emotions at once",
        "other": "an emotion that is not listed",
        "language": "I do not understand the words",
        "broken": "picture or sound is broken or missing",
    }
    gold_rate: Annotated[
        float,
        Field(ge=0, le=0.25, description="Hidden gold items over regular ones in each queue, where gold is given."),
    ] = 0.05
    repeat_rate: Annotated[
        float, Field(ge=0, le=0.25, description="Hidden repeats over regular items in each queue.")
    ] = 0.05
    repeat_gap: Annotated[NonNegativeInt, Field(description="Tasks between an item and its repeat.")] = 20
    gold_min_share: Annotated[
        Share, Field(description="--gold round:ROUND: share of a round's votes that must agree on a known answer.")
    ] = 0.8
    adjudicate_below: Annotated[
        Share, Field(description="`sdme round adjudicate`: labels that at most this share of the votes gave, and ties.")
    ] = 0.5
    decoy_rate: Annotated[
        float, Field(ge=0, le=4, description="`sdme round adjudicate`: agreed items over disputed ones in each queue.")
    ] = 0.5
    low_margin: Annotated[
        Share,
        Field(description="--select low-margin: first and second label differ by at most this share of the votes."),
    ] = 0.34

    @model_validator(mode="after")
    def _answers_differ(self) -> Self:
        for name, words in (("confidence", self.confidence), ("reasons", tuple(self.reasons.values()))):
            if len(set(words)) != len(words) or not all(word.strip() == word and word for word in words):
                raise ValueError(f"{name} must be distinct, not empty and without outer spaces, got {list(words)}")
        if len(self.confidence) == 1:
            raise ValueError("confidence needs at least two answers, or none ([])")
        return self


class StudioSection(Record):
    """How rounds come to the annotation server (`sdme round push`)."""

    media: Annotated[
        Literal["local", "upload", "s3"],
        Field(
            description="How raters' browsers get the clips: local = the server reads this folder; upload = it keeps "
            "copies; s3 = it signs addresses of a bucket into which you put the folder rounds."
        ),
    ] = "local"
    batch_size: Annotated[PositiveInt, Field(description="Tasks sent at a time.")] = 1000
    s3_bucket: Annotated[str, Field(description="s3: name of the bucket; the server itself holds its keys.")] = ""
    s3_prefix: Annotated[str, Field(description="s3: folder of the bucket that stands for this corpus.")] = ""
    s3_region: Annotated[str, Field(description='s3: region; "" = the server\'s own.')] = ""
    s3_endpoint: Annotated[str, Field(description='s3: address of a service other than Amazon\'s; "" = Amazon.')] = ""
    s3_minutes: Annotated[PositiveInt, Field(description="s3: how long a signed address holds.")] = 60


class ReleaseSection(Record):
    """What a release contains."""

    scope: Annotated[
        Consent,
        Field(description="Whom it is for: internal, research or public. Only participants whose consent covers it."),
    ] = Consent.PUBLIC
    splits: Annotated[dict[Split, Share], Field(description="Share of utterances in each split; they sum to 1.")] = {
        Split.TRAIN: 0.7,
        Split.VALIDATION: 0.15,
        Split.TEST: 0.15,
    }
    group_by: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            description="What never crosses splits: participant, recording, session. With recording, the people who "
            "talk to each other stay together, since each may be heard in the other's clips.",
        ),
    ] = ("participant", "recording")
    min_raters: Annotated[PositiveInt, Field(description="Votes an utterance needs.")] = 1
    require_face: Annotated[bool, Field(description="Leave out utterances that are not bound to a face.")] = False
    clips: Annotated[bool, Field(description="Ship clip.mp4 too; needs the consent of everyone in the recording.")] = (
        False
    )
    shard_mb: Annotated[PositiveInt, Field(le=500, description="Largest size of a shard in megabytes.")] = 500
    seed: Annotated[int, Field(description="Decides between splits that are equally good.")] = 0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.scope is Consent.NONE:
            raise ValueError("scope must be internal, research or public")
        if abs(sum(self.splits.values()) - 1) > 1e-6:
            raise ValueError(f"the shares of splits must sum to 1, got {sum(self.splits.values()):g}")
        known = {"participant", "recording", "session"}
        if not set(self.group_by) <= known or "participant" not in self.group_by:
            raise ValueError(f"group_by must hold participant and may hold recording, session; got {self.group_by}")
        return self


class CorpusConfig(Record):
    """The whole of corpus.toml."""

    corpus: CorpusSection = CorpusSection()
    segment: SegmentSection = SegmentSection()
    diarize: DiarizeSection = DiarizeSection()
    faces: FacesSection = FacesSection()
    speaking: SpeakingSection = SpeakingSection()
    bind: BindSection = BindSection()
    transcribe: TranscribeSection = TranscribeSection()
    quality: QualitySection = QualitySection()
    clips: ClipsSection = ClipsSection()
    identity: IdentitySection = IdentitySection()
    annotate: AnnotateSection = AnnotateSection()
    label_studio: StudioSection = StudioSection()
    release: ReleaseSection = ReleaseSection()

    @model_validator(mode="after")
    def _display_names_differ(self) -> Self:
        labels = (*self.corpus.labels, self.corpus.cannot_tell)
        if unknown := sorted(set(self.annotate.display) - set(labels)):
            raise ValueError(f"annotate.display names {unknown}, which are no labels of this corpus: {list(labels)}")
        shown = [self.annotate.display.get(label, label).strip() for label in labels]
        if len(set(shown)) != len(shown) or not all(shown):
            raise ValueError(f"annotate.display must give each label words of its own, got {shown}")
        return self
