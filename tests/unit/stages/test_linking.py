"""Which pairs are proposed: vectorised likeness, and constraints that are never contradicted."""

import time

import numpy as np
import pytest

from sdme_tools.records.identity import LinkFinding
from sdme_tools.stages.linking import Known, Pair, combine, find_likely_pairs, propose_links
from sdme_tools.stages.people import Embeddings

NOTHING = np.full((0, 1), np.nan, np.float32)


def weigh(cosines: np.ndarray) -> np.ndarray:
    return np.clip(20 * (np.asarray(cosines, np.float64) - 0.8), -6, 6)


def unit(*rows: list[float]) -> Embeddings:
    found = np.array(rows, np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def unheard(number: int) -> Embeddings:
    return np.full((number, 2), np.nan, np.float32)


def known(number: int, **changes: object) -> Known:
    values: dict[str, object] = {
        "participants": [None] * number,
        "recordings": [{f"r{i}"} for i in range(number)],
        "different": [set() for _ in range(number)],
        "listed": {},
        "told_apart": set(),
    }
    return Known(**(values | changes))  # type: ignore[arg-type]


def pair(first: int, second: int, confidence: float) -> Pair:
    return Pair(first, second, confidence, confidence, None)


def likely(faces: Embeddings, voices: Embeddings, *, prior: float = 0.5, least: float = 0.5) -> list[Pair]:
    return find_likely_pairs(faces, voices, weigh, weigh, prior=prior, least=least)


def test_like_faces_are_a_pair_and_unlike_ones_are_not() -> None:
    found = likely(unit([1, 0, 0], [1, 0.1, 0], [0, 0, 1]), unheard(3))
    assert [(p.first, p.second) for p in found] == [(0, 1)]
    assert found[0].face_similarity == pytest.approx(0.995, abs=1e-3)
    assert found[0].voice_similarity is None


def test_face_and_voice_add_up_and_may_each_be_missing() -> None:
    face, voice = np.array([[0.9, 0.9, np.nan, np.nan]]), np.array([[0.9, np.nan, 0.9, np.nan]])
    both, only_face, only_voice, none = combine(face, voice, weigh, weigh, prior=0.1)[0]
    assert both > only_face == only_voice > none
    assert none == pytest.approx(0.1)


def test_a_voice_that_differs_takes_from_what_the_face_says() -> None:
    agree, differ = combine(np.array([[0.9, 0.9]]), np.array([[0.95, 0.5]]), weigh, weigh, prior=0.5)[0]
    assert agree > 0.9
    assert differ < 0.5


def test_who_has_nothing_to_compare_is_nobodys_double_whatever_the_prior() -> None:
    nothing = np.full((3, 2), np.nan, np.float32)
    assert likely(nothing, nothing, prior=0.9, least=0.5) == []
    assert likely(NOTHING, NOTHING) == []


def test_thousands_of_speakers_take_seconds_and_the_blocks_agree() -> None:
    rng = np.random.default_rng(0)
    people = rng.standard_normal((1500, 64))
    twice = np.concatenate([people, people + 0.1 * rng.standard_normal(people.shape)]).astype(np.float32)
    faces = np.asarray(twice / np.linalg.norm(twice, axis=1, keepdims=True), np.float32)
    began = time.perf_counter()
    found = likely(faces, unheard(3000), prior=0.05)
    assert time.perf_counter() - began < 20
    assert sorted((p.first, p.second) for p in found) == [(i, i + 1500) for i in range(1500)]


def test_a_person_in_many_recordings_is_asked_about_once_a_recording() -> None:
    pairs = [pair(a, b, 0.9) for a in range(6) for b in range(a + 1, 6)]
    found = propose_links(pairs, known(6))
    assert (len(found.proposed), found.num_implied, found.num_impossible) == (5, 10, 0)


def test_two_participants_are_reported_and_never_proposed_even_through_a_third() -> None:
    people = known(3, participants=["p1", None, "p2"])
    found = propose_links([pair(0, 1, 0.99), pair(1, 2, 0.98), pair(0, 2, 0.9)], people)
    assert [(p.first, p.second) for p in found.proposed] == [(0, 1)]
    assert [(p.first, p.second, finding) for p, finding, _ in found.suspicious] == [
        (1, 2, LinkFinding.TWO_PARTICIPANTS),
        (0, 2, LinkFinding.TWO_PARTICIPANTS),
    ]


def test_who_was_seen_beside_somebody_is_not_linked_to_them_through_others() -> None:
    people = known(3, different=[{2}, set(), {0}])
    found = propose_links([pair(0, 1, 0.99), pair(1, 2, 0.98)], people)
    assert [(p.first, p.second) for p in found.proposed] == [(0, 1)]
    assert found.num_impossible == 1


def test_a_participant_whom_the_recording_does_not_list_is_suspicious() -> None:
    people = known(2, participants=["p1", None], listed={"r1": {"p2", "p3"}})
    found = propose_links([pair(0, 1, 0.99)], people)
    assert not found.proposed
    assert found.suspicious[0][1:] == (LinkFinding.NOT_LISTED, "p1 in r1")


def test_every_pair_is_accounted_for() -> None:
    people = known(4, participants=["p1", "p2", None, None], different=[set(), set(), {3}, {2}])
    pairs = [pair(a, b, 1 - 0.01 * (a + b)) for a in range(4) for b in range(a + 1, 4)]
    found = propose_links(pairs, people)
    assert len(found.proposed) + len(found.suspicious) + found.num_implied + found.num_impossible == len(pairs)
