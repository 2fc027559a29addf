"""Names taken out of texts, by a list: whole words, however they are written, replaced by [name].

A name is found whatever its case (ß is ss), however its accents are composed, and with any space or hyphen between its
words. Where a script writes words without spaces between them, a name counts inside longer strings too.
"""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from sdme_tools.errors import ConfigError

PLACEHOLDER = "[name]"
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")
"""Scripts without spaces between words, or with endings that are joined to a name."""


class Scrubber:
    """Replaces names."""

    def __init__(self, names: Iterable[str]) -> None:
        patterns = {_make_pattern(name) for name in names if name.strip()}
        self._pattern = re.compile("|".join(sorted(patterns, key=lambda p: (-len(p), p)))) if patterns else None

    def scrub(self, text: str) -> tuple[str, int]:
        """The text without names, and how many were replaced."""
        if self._pattern is None:
            return text, 0
        composed = unicodedata.normalize("NFC", text)
        folded, places = _fold(composed)
        pieces: list[str] = []
        end = num_found = 0
        for match in self._pattern.finditer(folded):
            pieces += [composed[end : places[match.start()]], PLACEHOLDER]
            end = places[match.end() - 1] + 1
            num_found += 1
        return ("".join([*pieces, composed[end:]]), num_found) if num_found else (text, 0)


def _fold(text: str) -> tuple[str, list[int]]:
    """The text without upper case, and for each of its characters where it stood."""
    letters = [(letter, place) for place, original in enumerate(text) for letter in original.casefold()]
    return "".join(letter for letter, _ in letters), [place for _, place in letters]


def _make_pattern(name: str) -> str:
    words = [word for word in re.split(r"[\s-]+", unicodedata.normalize("NFC", name).casefold()) if word]
    body = r"[\s-]+".join(re.escape(word) for word in words)
    before = "" if _is_unspaced(words[0][0]) else r"(?<!\w)"
    after = "" if _is_unspaced(words[-1][-1]) else r"(?!\w)"
    return before + body + after


def _is_unspaced(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(_UNSPACED)


def read_names(path: Path, corpus_root: Path) -> list[str]:
    """Read a list of names, one a line; lines that begin with # are remarks.

    Raises:
        ConfigError: it is not there, no text, holds no names, or lies in the corpus, where names must not lie.
    """
    if path.resolve().is_relative_to(corpus_root.resolve()):
        raise ConfigError(
            f"{path}: the list of names lies in the corpus, which is to hold none",
            cure="keep it elsewhere, and name that place in [release] scrub",
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: the list of names cannot be read ({type(error).__name__})",
            cure="[release] scrub names a text file in UTF-8, one name a line",
        ) from error
    names = [line.strip() for line in lines if re.search(r"\w", line) and not line.startswith("#")]
    if not names:
        raise ConfigError(f"{path}: holds no names", cure="write one name a line, or leave [release] scrub empty")
    return names
