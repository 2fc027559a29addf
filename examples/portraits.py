"""Two photographs that come inside installed packages, brought to life: mouth, brows and head move by image warping.

The positions of brows, mouth and chin were measured once, on the very files, and stand below as constants.
"""

import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Field = NDArray[np.float32]
PANE_WIDTH_PX, PANE_HEIGHT_PX = 320, 360
LARGEST_GAPE = 0.105  # between the lips, of the height of the face
NUM_INTENSITIES = 4


@dataclass(frozen=True)
class Portrait:
    """A photograph and where things are in it, in its own pixels: (x, y)."""

    package: str
    path: str
    corners: tuple[tuple[float, float], tuple[float, float]]
    lip: tuple[float, float]
    chin_y: float
    brows: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
    centre: tuple[float, float]
    face_height: float
    head_radius: tuple[float, float]


# scikit-image's astronaut: Eileen Collins, NASA. The lip line is the lower edge of her teeth.
ASTRONAUT = Portrait(
    "skimage", "data/astronaut.png",
    corners=((202.0, 140.0), (246.0, 142.0)), lip=(223.2, 150.0), chin_y=175.5,
    brows=((195.0, 91.0), (213.0, 91.0), (236.0, 92.0), (256.0, 93.0)),
    centre=(224.0, 118.0), face_height=103.0, head_radius=(74.0, 88.0),
)  # fmt: skip
# matplotlib's grace_hopper.jpg: US Navy.
HOPPER = Portrait(
    "matplotlib", "mpl-data/sample_data/grace_hopper.jpg",
    corners=((233.0, 277.0), (305.0, 274.0)), lip=(269.0, 277.0), chin_y=333.0,
    brows=((196.0, 165.0), (243.0, 172.0), (285.0, 171.0), (334.0, 164.0)),
    centre=(266.0, 225.0), face_height=201.0, head_radius=(150.0, 190.0),
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """What makes a participant of a portrait: size, mirroring, proportions, colours (factors of blue, green, red)."""

    portrait: Portrait
    face_px: float
    mirrored: bool
    stretch: float
    tint: tuple[float, float, float]
    gamma: float


LOOKS = {
    "p01": Look(ASTRONAUT, 150, False, 1.00, (1.00, 1.00, 1.00), 1.0),
    "p02": Look(HOPPER, 150, False, 1.00, (1.00, 1.00, 1.00), 1.0),
    "p03": Look(HOPPER, 138, True, 0.94, (0.84, 0.95, 1.04), 0.9),
    "p04": Look(ASTRONAUT, 138, True, 1.07, (1.10, 0.98, 0.88), 1.1),
    "p05": Look(ASTRONAUT, 160, True, 0.95, (0.82, 0.92, 1.00), 1.25),
    "p06": Look(HOPPER, 160, True, 1.05, (1.10, 1.03, 0.90), 1.15),
    "p07": Look(HOPPER, 144, False, 0.97, (0.92, 1.04, 0.95), 1.3),
    "p08": Look(ASTRONAUT, 144, False, 1.10, (1.00, 0.97, 1.06), 0.8),
}


@dataclass(frozen=True)
class Expression:
    """Displacements of the still face, as shares of its height; y grows downward, outward is away from the nose."""

    brow_inner: float = 0.0
    brow_outer: float = 0.0
    corner: float = 0.0
    outward: float = 0.0
    nose: float = 0.0


EXPRESSIONS = {
    "neutral": Expression(),
    "happiness": Expression(brow_outer=-0.010, corner=-0.032, outward=0.022),
    "sadness": Expression(brow_inner=-0.030, brow_outer=0.012, corner=0.030, outward=-0.010),
    "anger": Expression(brow_inner=0.034, brow_outer=0.010, corner=0.010, outward=-0.022),
    "surprise": Expression(brow_inner=-0.034, brow_outer=-0.038, corner=0.006, outward=-0.018),
    "fear": Expression(brow_inner=-0.036, brow_outer=-0.010, corner=0.012, outward=0.028),
    "disgust": Expression(brow_inner=0.024, brow_outer=0.002, corner=0.020, outward=0.004, nose=-0.024),
}


def read_portrait(portrait: Portrait) -> Image:
    """Read the photograph from the package that carries it: uint8[H, W, 3] BGR."""
    package = importlib.util.find_spec(portrait.package)
    if package is None or package.origin is None:
        raise FileNotFoundError(f"the package that carries {portrait.path} is not installed: pip install '.[dev]'")
    path = Path(package.origin).parent / portrait.path
    image = cv2.imread(str(path))
    if image is None:
        raise FileNotFoundError(f"{path}: this release of {portrait.package} carries no such photograph")
    return np.asarray(image, np.uint8)


class Puppet:
    """A participant's pane: one still photograph whose face and head can be moved."""

    def __init__(self, look: Look) -> None:
        portrait = look.portrait
        scale = look.face_px / portrait.face_height
        across = scale * look.stretch * (-1 if look.mirrored else 1)
        centre_x, centre_y = portrait.centre
        self._matrix = np.array(
            [[across, 0, PANE_WIDTH_PX / 2 - across * centre_x], [0, scale, PANE_HEIGHT_PX * 0.47 - scale * centre_y]]
        )
        still = cv2.warpAffine(
            read_portrait(portrait), self._matrix, (PANE_WIDTH_PX, PANE_HEIGHT_PX),
            flags=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101,
        )  # fmt: skip
        levels = np.arange(256)[:, None] / 255.0
        table = np.clip(255 * levels**look.gamma * np.array(look.tint), 0, 255).astype(np.uint8)
        self._still = cv2.LUT(still, table[:, None, :])
        self.face_px = look.face_px
        self._portrait = portrait
        self._chin_y = float(self._place((0, portrait.chin_y))[1])
        self._x, self._y = np.meshgrid(
            np.arange(PANE_WIDTH_PX, dtype=np.float32), np.arange(PANE_HEIGHT_PX, dtype=np.float32)
        )
        self._faces: dict[tuple[str, int], Image] = {}

    def _place(self, point: tuple[float, float]) -> NDArray[np.float64]:
        placed: NDArray[np.float64] = self._matrix @ np.array([*point, 1.0])
        return placed

    def _bump(self, point: tuple[float, float], radius: float) -> Field:
        """A smooth hill of height 1 around a point of the photograph; the radius is a share of the face's height."""
        x, y = self._place(point)
        reach = 2 * (radius * self.face_px) ** 2
        hill: Field = np.exp(-((self._x - np.float32(x)) ** 2 + (self._y - np.float32(y)) ** 2) / np.float32(reach))
        return hill

    def _face(self, emotion: str, intensity: int) -> Image:
        """The still face with an expression of 0 to NUM_INTENSITIES, each worked out once."""
        key = (emotion, intensity)
        if key not in self._faces:
            self._faces[key] = self._with_expression(EXPRESSIONS[emotion], intensity / NUM_INTENSITIES)
        return self._faces[key]

    def _with_expression(self, expression: Expression, strength: float) -> Image:
        size, portrait = strength * self.face_px, self._portrait
        dx, dy = np.zeros_like(self._x), np.zeros_like(self._y)
        for point, inner in zip(portrait.brows, (False, True, True, False), strict=True):
            dy += size * (expression.brow_inner if inner else expression.brow_outer) * self._bump(point, 0.075)
        middle = self._place(portrait.lip)[0]
        for corner in portrait.corners:
            hill = self._bump(corner, 0.07)
            dy += size * expression.corner * hill
            dx += size * expression.outward * np.sign(self._place(corner)[0] - middle) * hill
        nose = (portrait.lip[0], portrait.lip[1] - 0.16 * portrait.face_height)
        dy += size * expression.nose * self._bump(nose, 0.08)
        warped = cv2.remap(self._still, self._x - dx, self._y - dy, cv2.INTER_LINEAR)
        return np.asarray(warped, np.uint8)

    @cached_property
    def _mouth(self) -> tuple[slice, slice, Field, Field, Field]:
        """The part of the pane that a moving jaw touches.

        Returns:
            its rows and columns; the lip line's y a column, float32[W]; how much of the gape opens at a column,
            float32[W]; how far a point below the lips follows the jaw (0 to 1), float32[H, W].
        """
        left, right = sorted(map(self._place, self._portrait.corners), key=lambda point: float(point[0]))
        lip = self._place(self._portrait.lip)
        half = float(right[0] - left[0]) / 2
        middle, depth = float(left[0]) + half, self._chin_y - float(lip[1])
        columns = slice(int(middle - 2 * half), int(middle + 2 * half) + 1)
        rows = slice(int(min(left[1], right[1])) - 4, int(self._chin_y + depth) + 1)
        x, y = self._x[rows, columns], self._y[rows, columns]
        across = (x[0] - middle) / half
        inside = np.clip(1 - across**2, 0, None)
        straight = left[1] + (right[1] - left[1]) * (across + 1) / 2
        line = straight + (lip[1] - (left[1] + right[1]) / 2) * inside
        below = np.clip((y - line) / depth, 0, None)
        spread = (x - middle) / (half * (1 + 0.9 * np.minimum(below, 1)))
        follows = np.sqrt(np.clip(1 - spread**2, 0, None)) * np.clip((1.9 - below) / 1.1, 0, 1)
        return rows, columns, line.astype(np.float32), np.sqrt(inside).astype(np.float32), follows.astype(np.float32)

    def frame(self, gape: float, emotion: str, intensity: int, head: tuple[float, float, float]) -> Image:
        """Draw the pane.

        Args:
            gape: 0 (as in the photograph) to 1 (wide open).
            emotion: whose expression the face wears.
            intensity: 0 to NUM_INTENSITIES.
            head: the head's displacement to the right and down in px, and its turn in radians.

        Returns:
            uint8[PANE_HEIGHT_PX, PANE_WIDTH_PX, 3] BGR.
        """
        face = self._face(emotion, intensity)
        if gape > 0.02:
            face = self._open_mouth(face, gape)
        shift_x, shift_y, turn = (np.float32(value) for value in head)
        weight, turn_x, turn_y = self._head
        return np.asarray(
            cv2.remap(
                face,
                self._x - shift_x * weight - turn * turn_x,
                self._y - shift_y * weight - turn * turn_y,
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT_101,
            ),
            np.uint8,
        )

    def _open_mouth(self, face: Image, gape: float) -> Image:
        rows, columns, line, opening, follows = self._mouth
        drop = np.float32(gape * LARGEST_GAPE * self.face_px)
        x, y = self._x[rows, columns], self._y[rows, columns]
        lower_lip = line + drop * opening
        source_y = np.where(y > lower_lip, np.maximum(y - drop * follows, line), y)
        part = cv2.remap(face, x, source_y.astype(np.float32), cv2.INTER_LINEAR).astype(np.float32)
        hole = (opening > 0)[:, None] * np.clip(np.minimum(y - line, lower_lip - y) + 0.5, 0, 1)[..., None]
        depth = np.clip((y - line) / np.maximum(lower_lip - line, 1), 0, 1)[..., None]
        inside = np.array([28.0, 18.0, 44.0], np.float32) * (0.7 + 0.8 * depth)
        result = face.copy()
        result[rows, columns] = (part * (1 - hole) + inside * hole).astype(np.uint8)
        return result

    @cached_property
    def _head(self) -> tuple[Field, Field, Field]:
        """How far each point goes with the head (0 to 1), and where a turn of one radian about the neck takes it."""
        scale = self.face_px / self._portrait.face_height
        radius_x, radius_y = (radius * scale for radius in self._portrait.head_radius)
        centre = self._place(self._portrait.centre)
        distance = np.hypot((self._x - centre[0]) / radius_x, (self._y - centre[1]) / radius_y)
        edge = np.clip((1.45 - distance) / 0.65, 0, 1)
        weight = (edge * edge * (3 - 2 * edge)).astype(np.float32)
        turn_x = -weight * (self._y - np.float32(self._chin_y))
        turn_y = weight * (self._x - np.float32(centre[0]))
        return weight, turn_x, turn_y
