"""The sections of corpus.toml that decide what machines make of recordings; see config.py."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from sdme_tools.records.base import Record
from sdme_tools.records.face import Share

Options = dict[str, str | int | float | bool]


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
