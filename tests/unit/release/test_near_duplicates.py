"""Near duplicates: exactly those that comparing all with all finds."""

import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from sdme_tools.release.near_duplicates import join_near_duplicates, plain_words

WORDS = ["a", "be", "sea", "dear", "every", "fields", "garden", "holiday"]


def compare_all(texts: list[str]) -> list[set[int]]:
    """The clusters, by comparing every text with every other."""
    plain = [" ".join(plain_words(text)) for text in texts]
    clusters = [{place} for place, text in enumerate(texts) if len(plain_words(text)) >= 5]
    for one in range(len(texts)):
        for other in range(one):
            edits = min(8, min(len(plain[one]), len(plain[other])) // 10)
            if Levenshtein.distance(plain[one], plain[other]) <= edits:
                both = [cluster for cluster in clusters if cluster & {one, other}]
                if len(both) == 2:
                    clusters = [c for c in clusters if c not in both] + [both[0] | both[1]]
    return sorted((c for c in clusters), key=min)


def gather(found: list[int | None]) -> list[set[int]]:
    clusters: dict[int, set[int]] = {}
    for place, cluster in enumerate(found):
        if cluster is not None:
            clusters.setdefault(cluster, set()).add(place)
    return sorted(clusters.values(), key=min)


def damage(text: str, seed: int) -> str:
    chance = random.Random(seed)
    letters = list(text)
    for _ in range(chance.randint(0, 9)):
        place = chance.randrange(len(letters))
        letters[place : place + chance.randint(0, 1)] = chance.choice(["", "x", " ", "q"])
    return "".join(letters) or "x"


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=3, max_size=24), min_size=1, max_size=8), st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_nothing_is_missed_and_nothing_added(texts: list[list[str]], seed: int) -> None:
    whole = [" ".join(words) for words in texts]
    both = whole + [damage(text, seed + n) for n, text in enumerate(whole * 2)]
    assert gather(join_near_duplicates(both)) == compare_all(both)


def test_case_punctuation_and_short_texts() -> None:
    spoken = ["Don't you ever forget a jacket!", "dont you ever forget a jacket", "Yes.", "yes", ""]
    found = join_near_duplicates([*spoken, "你知道我昨天去了哪里吗", "你知道我昨天去了哪里吗？"])
    assert found == [0, 0, None, None, None, 5, 5]


def test_many_texts_take_little_more_than_their_number() -> None:
    chance = random.Random(0)
    vocabulary = [f"w{chance.randrange(10**6):x}" for _ in range(4000)]

    def measure(number: int) -> float:
        texts = [" ".join(chance.choices(vocabulary, k=8)) for _ in range(number)]
        started = time.process_time()
        assert len(set(join_near_duplicates(texts))) == number
        return time.process_time() - started

    few, many = measure(2000), measure(16_000)
    assert many < 8 * few * 4  # comparing all with all would be 64 times as much
