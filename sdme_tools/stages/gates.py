"""Gates: which utterances [quality] of corpus.toml leaves out, each with a code.

All gates are open by default: what is too poor depends on what a corpus is for, and whoever sets a bar should have seen
what lies below it. What could not be measured passes: a gate is for material that is known to be bad.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sdme_tools.records.quality import FaceMaterialQuality, VoiceQuality
from sdme_tools.records.stage_config import QualitySection


@dataclass(frozen=True)
class Failure:
    """A gate that an utterance does not pass."""

    code: str
    detail: str


def find_failures(voice: VoiceQuality, face: FaceMaterialQuality | None, gates: QualitySection) -> list[Failure]:
    """Name every gate that the material fails, those of the voice first; a face that is not there fails none."""
    failures = [*_judge_voice(voice, gates), *(_judge_face(face, gates) if face else ())]
    return [failure for failure in failures if failure is not None]


def _judge_voice(voice: VoiceQuality, gates: QualitySection) -> Iterator[Failure | None]:
    yield _at_least("voice_noisy", voice.snr_db, gates.min_snr_db, "dB")
    yield _at_most("voice_clipped", voice.clipped_share, gates.max_clipped_share)
    yield _at_least("voice_narrow", voice.bandwidth_hz, gates.min_bandwidth_hz, "Hz")
    yield _at_least("voice_quiet", voice.loudness_lufs, gates.min_loudness_lufs, "LUFS")


def _judge_face(face: FaceMaterialQuality, gates: QualitySection) -> Iterator[Failure | None]:
    yield _at_least("face_rarely_seen", face.seen_share, gates.min_seen_share)
    yield _at_least("face_small", face.median_size_px, gates.min_size_px, "px")
    yield _at_least("face_blurred", face.median_sharpness, gates.min_sharpness)
    turns = [abs(turn) for turn in (face.median_yaw_deg, face.median_pitch_deg) if turn is not None]
    yield _at_most("face_turned", max(turns, default=None), gates.max_turn_deg, "°")
    roll = face.median_roll_deg
    yield _at_most("face_tilted", None if roll is None else abs(roll), gates.max_roll_deg, "°")
    yield _at_least("face_dark", face.brightness, gates.min_brightness)
    yield _at_most("face_bright", face.brightness, gates.max_brightness)
    yield _at_least("face_flat", face.contrast, gates.min_contrast)
    yield _at_most("mouth_hidden", face.mouth_hidden_share, gates.max_mouth_hidden_share)


def _at_least(code: str, value: float | None, bound: float, unit: str = "") -> Failure | None:
    if value is None or value >= bound:
        return None
    return Failure(code, f"{code}: {value:g} {unit}".rstrip() + f", at least {bound:g}")


def _at_most(code: str, value: float | None, bound: float, unit: str = "") -> Failure | None:
    if value is None or value <= bound:
        return None
    return Failure(code, f"{code}: {value:g} {unit}".rstrip() + f", at most {bound:g}")
