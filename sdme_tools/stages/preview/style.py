"""How the pictures look: colours that colour-blind people tell apart, fonts that never complain, plain text.

Nothing rests on colour alone: faces have letters, and the bound one a thick frame where the others have dashes.
"""

import logging
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font

FACE_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""Source: Okabe and Ito (2008), Color Universal Design; blue and orange, the safest pair, come first."""
GOOD, DOUBTFUL, FAINT, INK = "#0072B2", "#D55E00", "#767676", "#1A1A1A"
DPI = 100
_FALLBACKS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "WenQuanYi Micro Hei", "Noto Sans",
    "Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans Hebrew", "Noto Sans Arabic", "FreeSans", "Unifont",
)  # fmt: skip
MISSING = "□"


@contextmanager
def drawing() -> Iterator[None]:
    """Draw by matplotlib's own defaults, whatever the user's matplotlibrc says, and without remarks on the terminal."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with mpl.rc_context(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mpl.rcdefaults()
            mpl.rcParams.update({"font.family": list(font_families()), "text.parse_math": False, "font.size": 10})
            yield
    finally:
        logger.setLevel(before)


def new_figure(width_px: int, height_px: int) -> Figure:
    """An empty white figure of that size, drawn without a display."""
    figure = Figure(figsize=(width_px / DPI, height_px / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG, the same bytes for the same picture."""
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


@cache
def font_families() -> tuple[str, ...]:
    """DejaVu Sans, which comes with matplotlib, and what is installed of fonts for other scripts."""
    installed = {font.name for font in fontManager.ttflist}
    return ("DejaVu Sans", *(name for name in _FALLBACKS if name in installed))


@cache
def _known_characters() -> frozenset[int]:
    files = (findfont(FontProperties(family=name), fallback_to_default=True) for name in font_families())
    return frozenset(code for file in files for code in FT2Font(file).get_charmap())


def printable(text: str) -> str:
    """The text on one line, with an empty box for each character that no font at hand can show."""
    flat = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(
        c if ord(c) in _known_characters() else ("" if unicodedata.category(c).startswith(("M", "C")) else MISSING)
        for c in flat
    )


def shorten(text: str, num_characters: int) -> str:
    """Cut a text that is too long for its place."""
    return text if len(text) <= num_characters else text[: num_characters - 1] + "…"


def format_time(t_ms: int) -> str:
    """Say a time as m:ss.t, with hours where there are any."""
    hours, rest = divmod(t_ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{rest // 1000:02d}.{rest % 1000 // 100}"
