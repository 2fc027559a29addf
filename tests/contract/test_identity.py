"""What every embedder of faces or voices must do; a new one is one more name in the registry."""

from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
import pytest
import skimage.data

from sdme_tools.backends.fetch import fetch_models
from sdme_tools.backends.protocols import FaceEmbedder, Frame, Voice, VoiceEmbedder
from sdme_tools.backends.registry import BACKENDS, create_face_embedder, create_voice_embedder
from sdme_tools.backends.weights import IDENTITY_MODELS
from sdme_tools.media.audio import read_voice
from sdme_tools.records.face import Box
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import IdentitySection
from tests.factories import ingest

ASTRONAUT_BOX = Box(x_px=170, y_px=65, width_px=105, height_px=115)
HOPPER_BOX = Box(x_px=175, y_px=130, width_px=190, height_px=205)
EXAMPLE_SPEECH = Path(__file__).parents[2] / "examples" / "speech"


@pytest.fixture(scope="module", autouse=True)
def _model_files() -> None:
    fetch_models(IDENTITY_MODELS)


@pytest.fixture(params=sorted(BACKENDS["face_identity"]))
def faces(request: pytest.FixtureRequest) -> FaceEmbedder:
    return create_face_embedder(IdentitySection(face_backend=request.param), "cpu")


@pytest.fixture(params=sorted(BACKENDS["voice_identity"]))
def voices(request: pytest.FixtureRequest) -> VoiceEmbedder:
    return create_voice_embedder(IdentitySection(voice_backend=request.param), "cpu")


@pytest.fixture(scope="module")
def astronaut() -> Frame:
    return np.ascontiguousarray(skimage.data.astronaut())


@pytest.fixture(scope="module")
def hopper() -> Frame:
    path = Path(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])


def _altered(frame: Frame) -> Frame:
    """The same person a moment later: moved, a little turned, in other light."""
    height, width = frame.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 4, 0.97)
    turned = cv2.warpAffine(frame, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.clip(turned * 0.9 + 8, 0, 255).astype(np.uint8)


def test_a_face_lies_nearer_to_itself_a_moment_later_than_to_anybody_else(
    faces: FaceEmbedder, astronaut: Frame, hopper: Frame
) -> None:
    frames = [astronaut, _altered(astronaut), hopper, _altered(hopper)]
    found = faces.embed_faces(frames, [ASTRONAUT_BOX, ASTRONAUT_BOX, HOPPER_BOX, HOPPER_BOX])
    near = found @ found.T
    assert min(near[0, 1], near[2, 3]) > max(near[0, 2], near[0, 3], near[1, 2], near[1, 3]) + 0.02


def test_embeddings_have_length_one_and_repeat(faces: FaceEmbedder, astronaut: Frame, hopper: Frame) -> None:
    frames, boxes = [astronaut, hopper, astronaut], [ASTRONAUT_BOX, HOPPER_BOX, ASTRONAUT_BOX]
    found = faces.embed_faces(frames, boxes)
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 1, 1], abs=1e-4)
    one_by_one = [faces.embed_faces([frame], [box])[0] for frame, box in zip(frames, boxes, strict=True)]
    assert np.allclose(found, np.array(one_by_one), atol=1e-4)


def test_where_there_is_no_face_to_see_the_row_is_nan(faces: FaceEmbedder, astronaut: Frame) -> None:
    grey = np.full((300, 300, 3), 128, np.uint8)
    tiny = Box(x_px=200, y_px=100, width_px=8, height_px=8)
    outside = Box(x_px=600, y_px=600, width_px=100, height_px=100)
    frames = [grey, astronaut, astronaut, astronaut]
    found = faces.embed_faces(frames, [Box(x_px=50, y_px=50, width_px=90, height_px=90), tiny, outside, ASTRONAUT_BOX])
    assert np.isnan(found).all(axis=1).tolist() == [True, True, True, False]


def test_a_face_at_the_edge_is_no_error(faces: FaceEmbedder, astronaut: Frame) -> None:
    cut = astronaut[:150, 190:]
    found = faces.embed_faces([cut], [Box(x_px=-20, y_px=65, width_px=105, height_px=115)])
    assert found.shape[0] == 1


def test_nothing_gives_nothing(faces: FaceEmbedder, voices: VoiceEmbedder) -> None:
    assert faces.embed_faces([], []).shape[0] == 0
    assert voices.embed_voices([]).shape[0] == 0


@pytest.fixture(scope="module")
def two_people(shared_data: Path) -> list[Voice]:
    """Two turns of each of two people of one recording."""
    source = shared_data / "interactions" / "dyad_d.mp4"
    other = shared_data / "interactions" / "panel_4.mp4"
    spans = [(source, 600, 3600), (other, 8000, 11000), (source, 4320, 7320), (other, 4320, 7320)]
    return [read_voice(path, ingest(path), span=Span(start_ms=start, end_ms=end)) for path, start, end in spans]


def test_a_voice_lies_nearer_to_itself_in_another_recording_than_to_others(
    voices: VoiceEmbedder, two_people: list[Voice]
) -> None:
    found = voices.embed_voices(two_people)
    near = found @ found.T
    assert near[0, 1] > max(near[0, 2], near[0, 3], near[1, 2], near[1, 3])


def test_voices_have_length_one_and_do_not_mind_company_or_level(
    voices: VoiceEmbedder, two_people: list[Voice]
) -> None:
    together = voices.embed_voices(two_people)
    assert np.linalg.norm(together, axis=1) == pytest.approx([1] * 4, abs=1e-4)
    alone = np.concatenate([voices.embed_voices([voice]) for voice in two_people])
    assert np.allclose(together, alone, atol=1e-4)
    quieter = voices.embed_voices([two_people[0] * np.float32(0.3)])[0]
    assert quieter @ together[0] > 0.95


def test_too_little_voice_is_nan_not_somebody(voices: VoiceEmbedder, two_people: list[Voice]) -> None:
    silence, nothing, blip = np.zeros(48_000, np.float32), np.zeros(0, np.float32), two_people[0][16_000:17_600]
    found = voices.embed_voices([silence, nothing, blip, two_people[0]])
    assert np.isnan(found).all(axis=1).tolist() == [True, True, True, False]


def test_each_names_itself(faces: FaceEmbedder, voices: VoiceEmbedder) -> None:
    assert faces.identify().backend in BACKENDS["face_identity"]
    assert voices.identify().backend in BACKENDS["voice_identity"]
    assert voices.identify().weights is not None
