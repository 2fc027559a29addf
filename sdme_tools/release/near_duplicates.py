"""Texts that are nearly the same, among a million: what differs by a few letters only, found without comparing all.

Two texts are nearly the same if, without case and punctuation, they differ by at most a tenth of the shorter one's
letters, and by at most MAX_EDITS letters. Texts of fewer than MIN_WORDS words are never compared: everybody says "yes"
and "I don't know", and that ties nobody to anybody.

A text with k edits, cut into k + 1 pieces, has at least one piece that no edit has touched. So only texts that share a
piece, at about the same place, are compared letter by letter; nothing within the rule is missed by that.

Source: Li, Deng, Wang and Feng (2011), Pass-Join: A Partition-based Method for Similarity Joins, PVLDB 5(3).
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

from rapidfuzz.distance import Levenshtein

from sdme_tools.release.ties import Forest

MIN_WORDS = 5
"""Words that a text needs to be held for a duplicate of another that is not exactly the same."""
MIN_LINE_WORDS = 3
"""Words that a text needs to be held for a line of a script."""
MAX_EDIT_SHARE = 0.1
MAX_EDITS = 8

_WORDS = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]{1,2}|[^\W_\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+")
"""Runs of letters and digits; of scripts that put no spaces, two characters count as a word."""


def plain_words(text: str) -> list[str]:
    """The words of a text without case and punctuation, as texts are compared."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _WORDS.findall(re.sub(r"['’`]", "", plain))


def join_near_duplicates(texts: Sequence[str]) -> list[int | None]:
    """Give each text the number of its cluster; texts that are nearly the same, directly or through others, share one.

    Returns:
        The place of a text that stands for the cluster, the first of those in it; None for texts that are too short.
    """
    first: dict[str, int] = {}
    plain: list[str | None] = []
    for place, text in enumerate(texts):
        words = plain_words(text)
        key = " ".join(words) if len(words) >= MIN_WORDS else None
        plain.append(key)
        if key is not None:
            first.setdefault(key, place)
    forest = Forest(len(texts))
    for one, other in _find_pairs(sorted(first, key=lambda key: (len(key), key)), first, forest):
        forest.join(first[one], first[other])
    return [None if key is None else forest.root(first[key]) for key in plain]


def _find_pairs(texts: Sequence[str], first: dict[str, int], forest: Forest) -> Iterator[tuple[str, str]]:
    """Yield pairs that are nearly the same, of texts that rise in length; not those that are joined already."""
    index: dict[tuple[int, int], dict[str, list[str]]] = {}
    for text in texts:
        seen: set[str] = set()
        for others in _list_sharers(text, index):
            for other in others:
                if other not in seen:
                    seen.add(other)
                    if not forest.are_joined(first[text], first[other]) and _are_near(other, text):
                        yield other, text
        for number, (start, end) in enumerate(_cut(len(text), _max_edits(len(text)))):
            index.setdefault((len(text), number), {}).setdefault(text[start:end], []).append(text)


def _list_sharers(text: str, index: dict[tuple[int, int], dict[str, list[str]]]) -> Iterator[list[str]]:
    """Yield the texts before this one that share a piece with it, piece by piece."""
    for length, number, places, size in _plan_search(len(text)):
        pieces = index.get((length, number))
        if pieces is not None:
            for place in places:
                others = pieces.get(text[place : place + size])
                if others is not None:
                    yield others


@cache
def _plan_search(length: int) -> tuple[tuple[int, int, range, int], ...]:
    """Where to look in a text of this length for the pieces of those that are as long or shorter.

    A piece is looked for only where so few edits can have moved it to: as many before it as there are pieces before
    it, as many behind it as there are pieces behind it.

    Returns:
        Length of the other text, number of its piece, places where that may begin here, and its size.
    """
    plan: list[tuple[int, int, range, int]] = []
    for other in range(length - _max_edits(length), length + 1):
        edits, surplus = _max_edits(other), length - other
        for number, (start, end) in enumerate(_cut(other, edits)) if surplus <= edits else ():
            before, after = number, edits - number
            low = max(0, start - before, start + surplus - after)
            high = min(length - (end - start), start + before, start + surplus + after)
            plan.append((other, number, range(low, high + 1), end - start))
    return tuple(plan)


def _max_edits(length: int) -> int:
    """Letters by which a text of this length may differ from one that is as long or longer."""
    return min(MAX_EDITS, int(length * MAX_EDIT_SHARE))


def _cut(length: int, edits: int) -> list[tuple[int, int]]:
    """Start and end of edits + 1 pieces of about equal length."""
    num = edits + 1
    return [(length * number // num, length * (number + 1) // num) for number in range(num)]


def _are_near(shorter: str, longer: str) -> bool:
    edits = _max_edits(len(shorter))
    return int(Levenshtein.distance(shorter, longer, score_cutoff=edits)) <= edits
