"""The pictures of the card: histograms of the certificate's figures, and faces of the release's own utterances.

They are made of the certificate and the shards alone, so whoever has the release can draw them again. The same
libraries draw the same bytes; the certificate tells which ones drew them.
"""

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from sdme_tools.errors import ReleaseError, raise_together
from sdme_tools.records.certificate import Certificate, Histogram, Pictures
from sdme_tools.release.media_back import list_media_files, scan_media
from sdme_tools.release.proof import MeasuredRow

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_LIBRARIES = ("matplotlib", "av", "numpy", "pillow")
_DURATIONS, _AGREEMENT, _LABELS, _FACES = (
    f"pictures/{name}.png" for name in ("durations", "agreement", "labels", "faces")
)
_DPI = 100
_MAX_FACES = 24
_FACES_A_ROW = 8
_FACE_PX = 112
_BLUE = "#0072B2"


def plan_pictures(rows: Sequence[MeasuredRow], media: Mapping[str, Mapping[str, str]]) -> Pictures:
    """Choose the faces: the first of each speaker, of 24 speakers spread over the alphabet."""
    first: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: (row.speaker_id, row.utterance_id)):
        if "face" in media[row.utterance_id]:
            first.setdefault(row.speaker_id, row.utterance_id)
    names = list(first.values())
    step = max(1, -(-len(names) // _MAX_FACES))
    return Pictures(drawn_by={name: version(name) for name in _LIBRARIES}, shown=tuple(names[::step]))


def list_pictures(certificate: Certificate) -> list[str]:
    """Paths of all pictures in the release."""
    return [_DURATIONS, _AGREEMENT, _LABELS, *([_FACES] if certificate.pictures.shown else [])]


def draw_pictures(certificate: Certificate, folder: Path) -> dict[str, bytes]:
    """Draw all pictures: path in the release -> PNG.

    Args:
        certificate: What they show.
        folder: The release, from whose shards the faces come.

    Raises:
        ReleaseError: a face cannot be read from the shards.
    """
    figures = certificate.figures
    with _drawing():
        drawn = {
            _DURATIONS: _draw_histogram(figures.durations_s, "seconds", "utterances"),
            _AGREEMENT: _draw_histogram(figures.label_shares, "share of votes", "utterances"),
            _LABELS: _draw_bars(list(figures.labels), list(figures.labels.values())),
        }
        if certificate.pictures.shown:
            drawn[_FACES] = _draw_faces(_read_faces(folder, certificate.pictures.shown))
    return drawn


@contextmanager
def _drawing() -> Iterator[None]:
    """Draw by matplotlib's own defaults, whatever the user's matplotlibrc says."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a label in a script that the built-in font lacks shows as boxes
        mpl.rcdefaults()
        mpl.rcParams.update({"text.parse_math": False, "font.size": 9})
        yield


def _new_figure(width_px: int, height_px: int) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_px / _DPI, height_px / _DPI), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def _draw_histogram(histogram: Histogram, across: str, up: str) -> bytes:
    """Bars of equal width, since the bins are not."""
    names = [f"{low:g}–{high:g}" for low, high in zip(histogram.edges, histogram.edges[1:], strict=False)]
    return _draw_bars(names, histogram.counts, across, up)


def _draw_bars(names: Sequence[str], counts: Sequence[int], across: str = "", up: str = "utterances") -> bytes:
    figure = _new_figure(640, 320)
    axes = figure.add_axes((0.1, 0.25, 0.88, 0.7))
    axes.bar(range(len(names)), counts, color=_BLUE)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    return _save(figure)


def _read_faces(folder: Path, shown: Sequence[str]) -> list[bytes]:
    """The face videos of utterances, in their order; reads only the row groups that hold them."""
    wanted = set(shown)
    found = {
        name: bytes(content)
        for path in list_media_files(folder)
        for name, column, content in scan_media(path, wanted)
        if column == "face"
    }
    lost = [name for name in shown if name not in found]
    cure = "copy the release again"
    raise_together(ReleaseError, f"{folder}: faces of the contact sheet are not there:", lost, cure=cure)
    return [found[name] for name in shown]


def _draw_faces(videos: Sequence[bytes]) -> bytes:
    """The middle picture of each, side by side."""
    rows = -(-len(videos) // _FACES_A_ROW)
    columns = min(len(videos), _FACES_A_ROW)
    figure = _new_figure(columns * _FACE_PX, rows * _FACE_PX)
    for place, video in enumerate(videos):
        left, top = place % _FACES_A_ROW, place // _FACES_A_ROW
        axes = figure.add_axes((left / columns, 1 - (top + 1) / rows, 1 / columns, 1 / rows))
        axes.imshow(_middle_picture(video))
        axes.set_axis_off()
    return _save(figure)


def _middle_picture(video: bytes) -> "NDArray[np.uint8]":
    """uint8[H, W, 3] RGB."""
    import av
    import numpy as np

    try:
        with av.open(io.BytesIO(video), "r") as container:
            frames = list(container.decode(video=0))
        picture = np.asarray(frames[len(frames) // 2].to_ndarray(format="rgb24"), np.uint8)
    except (av.FFmpegError, IndexError) as error:
        what = f"a face video of the contact sheet cannot be decoded ({error})"
        raise ReleaseError(what, cure="run `sdme audit` on the release") from error
    return picture
