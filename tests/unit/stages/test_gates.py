"""Gates: open by default, each closes for its own reason, and what was not measured passes."""

import pytest

from sdme_tools.records.quality import FaceMaterialQuality, VoiceQuality
from sdme_tools.records.stage_config import QualitySection
from sdme_tools.stages.gates import find_failures

POOR_VOICE = VoiceQuality(snr_db=-5, clipped_share=0.9, bandwidth_hz=1000, loudness_lufs=-60)
POOR_FACE = FaceMaterialQuality(
    seen_share=0.1,
    interpolated_share=0.1,
    held_share=0.8,
    median_size_px=20,
    median_sharpness=1,
    median_yaw_deg=-70,
    median_pitch_deg=10,
    median_roll_deg=-50,
    brightness=10,
    contrast=2,
    mouth_hidden_share=1,
)
GATES = [
    ("min_snr_db", 10, "voice_noisy"),
    ("max_clipped_share", 0.01, "voice_clipped"),
    ("min_bandwidth_hz", 7000, "voice_narrow"),
    ("min_loudness_lufs", -40, "voice_quiet"),
    ("min_seen_share", 0.8, "face_rarely_seen"),
    ("min_size_px", 64, "face_small"),
    ("min_sharpness", 30, "face_blurred"),
    ("max_turn_deg", 45, "face_turned"),
    ("max_roll_deg", 30, "face_tilted"),
    ("min_brightness", 40, "face_dark"),
    ("max_brightness", 5, "face_bright"),
    ("min_contrast", 10, "face_flat"),
    ("max_mouth_hidden_share", 0.5, "mouth_hidden"),
]


def test_the_default_leaves_nothing_out() -> None:
    assert find_failures(POOR_VOICE, POOR_FACE, QualitySection()) == []


@pytest.mark.parametrize(("setting", "bound", "code"), GATES)
def test_each_gate_closes_for_its_own_reason(setting: str, bound: float, code: str) -> None:
    (failure,) = find_failures(POOR_VOICE, POOR_FACE, QualitySection.model_validate({setting: bound}))
    assert failure.code == code
    assert f"{bound:g}" in failure.detail


def test_every_setting_of_the_section_is_a_gate() -> None:
    assert {setting for setting, _, _ in GATES} == set(QualitySection.model_fields)


def test_what_was_not_measured_passes() -> None:
    closed = QualitySection.model_validate({setting: bound for setting, bound, _ in GATES} | {"max_brightness": 255})
    unknown = VoiceQuality(snr_db=None, clipped_share=0, bandwidth_hz=None, loudness_lufs=None)
    assert find_failures(unknown, None, closed) == []
    failed = [failure.code for failure in find_failures(POOR_VOICE, POOR_FACE, closed)]
    assert failed == [code for _, _, code in GATES if code != "face_bright"]
