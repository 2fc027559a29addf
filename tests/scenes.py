"""Scenes of people, composed for tests: portraits out of installed packages, brought to life by speech of the example.

A person is a row of panes, uint8[T, 360, 320, 3] RGB at 25 a second; a voice is float32[N], 16 kHz.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from examples.portraits import LOOKS, Puppet
from examples.sound import read_audio
from sdme_tools.backends.registry import create_face_detector
from sdme_tools.records.stage_config import FacesSection
from tests.factories import write_media

Panes = NDArray[np.uint8]
Voice = NDArray[np.float32]

SPEECH = Path(__file__).parents[1] / "examples" / "speech"
FPS, RATE_HZ = 25, 16_000
LEAD_MS = 1000
"""Nobody speaks in the first and the last second of a scene."""


@cache
def say(line: str) -> Voice:
    """A line of the example with a second of a quiet room before and after it."""
    spoken = np.pad(read_audio(SPEECH / f"{line}.opus"), LEAD_MS * RATE_HZ // 1000)
    whole = -(-len(spoken) // (RATE_HZ // FPS)) * (RATE_HZ // FPS)
    room = np.random.default_rng(0).normal(0, 0.001, whole).astype(np.float32)
    room[: len(spoken)] += spoken
    return room


@cache
def talk(person: str, line: str) -> Panes:
    """Somebody who says the line: the mouth follows the level of the voice."""
    level = np.sqrt(np.mean(np.square(say(line).reshape(-1, RATE_HZ // FPS)), axis=1))
    gape = np.where(level < 0.004, 0, np.clip(level / 0.09, 0, 1) ** 0.6)
    return _animate(person, np.convolve(gape, [0.2, 0.6, 0.2], mode="same"))


@cache
def listen(person: str, line: str) -> Panes:
    """Somebody who sways a little with a closed mouth, as long as the line lasts."""
    return _animate(person, np.zeros(len(say(line)) * FPS // RATE_HZ))


def hang(person: str, line: str) -> Panes:
    """A printed picture of somebody: the same pixels all the time."""
    return np.repeat(listen(person, line)[:1], len(listen(person, line)), axis=0)


def turn_aside(panes: Panes, yaw_deg: float) -> Panes:
    """The same head turned about the neck, before a plain wall: positive shows its left cheek.

    The face turns as the mesh of its landmarks, nearer parts before farther ones, so the nose makes the outline of a
    profile; what no photograph from the front can show, the side of the head, is hair and nothing else.
    """
    face = next(iter(create_face_detector(FacesSection(), "cpu").find_faces(panes[:1])))[0]
    points = np.array(face.landmarks_px)
    centre, turn = points.mean(axis=0), np.radians(yaw_deg)
    about_neck = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    turned = (points - centre) @ about_neck.T + centre
    triangles = Delaunay(points[:, :2]).simplices
    x, y = np.full(panes.shape[1:3], -1, np.float32), np.full(panes.shape[1:3], -1, np.float32)
    for corners in triangles[np.argsort(-turned[triangles][..., 2].mean(axis=1))]:
        shown, still = turned[corners, :2].astype(np.float32), points[corners, :2].astype(np.float32)
        inside = np.zeros(panes.shape[1:3], np.uint8)
        cv2.fillConvexPoly(inside, np.rint(shown * 16).astype(np.int32), 1, shift=4)
        if abs(np.linalg.det(np.column_stack([shown, np.ones(3)]))) > 1e-3:
            rows, columns = np.nonzero(inside)
            at = cv2.getAffineTransform(shown, still) @ np.stack([columns, rows, np.ones_like(rows)])
            x[rows, columns], y[rows, columns] = at
    scene = np.full_like(panes[0], 110)
    size = np.ptp(points, axis=0)
    behind = (centre[0] + np.sin(turn) * size[2] * 0.5, centre[1] - 0.12 * size[1])
    cv2.ellipse(scene, (tuple(map(float, behind)), (float(size[0] * 1.1), float(size[1] * 1.25)), 0), (74, 56, 38), -1)
    filmed = [cv2.remap(pane, x, y, cv2.INTER_LINEAR) for pane in panes]
    return np.where((x >= 0)[..., None], np.stack(filmed), scene)


def nobody(line: str) -> Panes:
    """An empty wall."""
    return np.full_like(hang("p01", line), 110)


def _animate(person: str, gape: NDArray[np.floating]) -> Panes:
    puppet = Puppet(LOOKS[person])
    sway = np.sin(2 * np.pi * 0.31 * np.arange(len(gape)) / FPS)
    frames = [puppet.frame(float(g), "neutral", 0, (1.1 * s, 0.6 * s, 0.0)) for g, s in zip(gape, sway, strict=True)]
    return np.ascontiguousarray(np.stack(frames)[..., ::-1])


def read_clip(path: Path) -> tuple[Panes, Voice]:
    """A clip of somebody who talks, as it was filmed; its width is whatever it is."""
    with av.open(str(path)) as container:
        panes = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    voice = np.zeros(len(panes) * RATE_HZ // FPS, np.float32)
    heard = read_audio(path)[: len(voice)]
    voice[: len(heard)] = heard
    return panes, voice


def sit_still(panes: Panes) -> Panes:
    """The first quarter of a second of a clip to and fro, before its person speaks."""
    return panes[np.abs((np.arange(len(panes)) + 6) % 12 - 6)]


def wear_mask(panes: Panes, person: str) -> Panes:
    """Paint a surgical mask over nose, mouth and chin."""
    look = LOOKS[person]
    masked = panes.copy()
    half, middle, top = round(0.45 * look.face_px), 160, round(360 * 0.47 + 0.02 * look.face_px)
    for pane in masked:
        cv2.rectangle(
            pane, (middle - half, top), (middle + half, top + round(0.62 * look.face_px)), (150, 190, 215), -1
        )
    return masked


def shake(panes: Panes) -> Panes:
    """What a camera in somebody's hand sees: all of it moves by some pixels, and its sensor is noisy."""
    chance = np.random.default_rng(0)
    moved = [np.roll(pane, tuple(chance.integers(-3, 4, 2)), axis=(0, 1)) for pane in panes]
    return np.clip(np.stack(moved) + chance.normal(0, 4, panes.shape), 0, 255).astype(np.uint8)


def film(
    path: Path, panes: Sequence[Panes], voice: Voice, *, times_ms: Sequence[int] | None = None, sound_start_ms: int = 0
) -> Path:
    """Write people side by side with what is heard."""
    pictures = [np.concatenate(row, axis=1) for row in zip(*panes, strict=True)]
    sound = voice[sound_start_ms * RATE_HZ // 1000 :, None]
    return write_media(
        path, shown=pictures, frame_times_ms=times_ms, sound=sound, rate_hz=RATE_HZ, sound_start_ms=sound_start_ms
    )
