"""Text: one vector a word, hashed from the word and the pieces it is made of.

No vocabulary has to be fitted, so nothing of validation or test can leak, and words that are spelt alike are near each
other in any language.

Source: Weinberger et al., Feature hashing for large scale multitask learning, ICML 2009 (signed hashing); Bojanowski
et al., Enriching word vectors with subword information, TACL 2017 (character n-grams with marked word ends).
"""

import re
import unicodedata
import zlib
from collections.abc import Iterator

import numpy as np

from sdme_tools.records.base import Source
from sdme_tools.records.feature_table import ModalityEncoding
from sdme_tools.training.dataset import Features
from sdme_tools.training.features.encoders import EncoderSettings, LightEncoder

NUM_FEATURES = 96
MAX_STEPS = 100

_PIECE_LENGTHS = (3, 4)
# Thai to Lao, Khmer, kana and Han have no spaces between words: they go by character.
_SPACELESS = r"\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
# ! ? and … carry tone; the last is three dots after normalisation.
_TOKEN = re.compile(rf"[{_SPACELESS}]|[^\W_{_SPACELESS}]+(?:['’]\w+)*|[!?]|\.{{3}}")


class HashedWords(LightEncoder):
    """A vector of length 1 for each word: `float32[T, 96]`, T ≤ 100."""

    def __init__(self, settings: EncoderSettings) -> None:
        del settings

    def describe(self) -> ModalityEncoding:
        """Name the encoder; it has no weights."""
        return ModalityEncoding(
            encoder=Source(backend="hashed_words", version="1"),
            num_features=NUM_FEATURES,
            steps_per_second=None,
            max_steps=MAX_STEPS,
        )

    def prepare(self, content: bytes) -> Features | None:
        """Describe a text; None where there is no word."""
        return text_features(content.decode("utf-8"))


def text_features(text: str) -> Features | None:
    """Describe a text in `float32[T, 96]`, one row of length 1 a word, at most 100; None where there is no word."""
    tokens = tokenise(text)[:MAX_STEPS]
    return np.stack([_hash_token(token) for token in tokens]) if tokens else None


def tokenise(text: str) -> list[str]:
    """Split a text into words, and marks of tone, in lower case."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())


def _hash_token(token: str) -> Features:
    vector = np.zeros(NUM_FEATURES, np.float32)
    for piece in _pieces(token):
        # crc32 is the same everywhere, unlike hash(); its top bit is the sign, the rest the place.
        code = zlib.crc32(piece.encode())
        vector[(code & 0x7FFFFFFF) % NUM_FEATURES] += 1.0 if code >> 31 else -1.0
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length else vector


def _pieces(token: str) -> Iterator[str]:
    """The word itself, with marked ends, and its character n-grams."""
    marked = f"<{token}>"
    yield marked
    for length in _PIECE_LENGTHS:
        for start in range(len(marked) - length + 1):
            if length < len(marked):
                yield marked[start : start + length]
