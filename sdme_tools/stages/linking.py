"""Which speakers are probably one person: cosines become probabilities, and probabilities questions to a person.

Evidence adds up: log odds = those of the prior + what the faces say + what the voices say; whoever lacks a face or a
voice has nothing added. (Face and voice are taken for independent, which holds but for what both share: age and sex.)

Then pairs are joined from the likeliest downwards, as long as nothing speaks against it, so that a person in a hundred
recordings is asked about 99 times, not 4,950 times, and no proposal contradicts another, a participant, a decision or
what was seen at one moment.
Source: the joining is Kruskal's, with cannot-links as in Davidson & Ravi 2005, "Agglomerative hierarchical clustering
with constraints", PKDD.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sdme_tools.records.identity import LinkFinding
from sdme_tools.stages.people import Embeddings

BLOCK = 1024
"""Speakers compared with all others at a time: the memory stays flat however many there are."""
MAX_NEIGHBOURS = 20
"""Of each speaker only so many of the likeliest others are looked at."""

Weigh = Callable[[NDArray[np.floating]], NDArray[np.float64]]


@dataclass(frozen=True)
class Pair:
    """Two places in the list of speakers, the first below the second."""

    first: int
    second: int
    confidence: float
    face_similarity: float | None
    voice_similarity: float | None


@dataclass
class Cluster:
    """Speakers that are taken for one person, and what speaks against taking in others."""

    members: set[int]
    participant: str | None
    recordings: set[str]
    enemies: set[int]
    """Speakers who are certainly somebody else."""


@dataclass(frozen=True)
class Known:
    """What is known of the speakers that are compared, in their order."""

    participants: Sequence[str | None]
    recordings: Sequence[set[str]]
    """Where each is seen or heard."""
    different: Sequence[set[int]]
    """Who each certainly is not: seen at one moment, or decided."""
    listed: dict[str, set[str]]
    """Recording -> its participants, where recordings.csv names them."""
    told_apart: set[tuple[int, int]]
    """Places of pairs of one recording that are left to its own stages, the lower first: voices are diarization's."""


@dataclass
class Proposals:
    """What came out: every candidate is in one of these."""

    proposed: list[Pair] = field(default_factory=list)
    suspicious: list[tuple[Pair, LinkFinding, str]] = field(default_factory=list)
    num_implied: int = 0
    """Pairs that follow from those proposed."""
    num_impossible: int = 0
    """Pairs that are alike, but told apart: seen at one moment, decided to be different, or so through others."""


def propose_links(pairs: Sequence[Pair], known: Known) -> Proposals:
    """Sort the likely pairs into proposals and suspicions.

    Args:
        pairs: The likeliest first.
        known: What must not be contradicted.
    """
    clusters = [
        Cluster({i}, known.participants[i], set(known.recordings[i]), set(known.different[i]))
        for i in range(len(known.participants))
    ]
    found = Proposals()
    for pair in pairs:
        a, b = clusters[pair.first], clusters[pair.second]
        if a is b:
            found.num_implied += 1
            continue
        if (pair.first, pair.second) in known.told_apart or a.enemies & b.members or b.enemies & a.members:
            found.num_impossible += 1
            continue
        doubt = _find_doubt(a, b, known)
        if doubt is not None:
            found.suspicious.append((pair, *doubt))
            continue
        found.proposed.append(pair)
        merged = Cluster(
            a.members | b.members, a.participant or b.participant, a.recordings | b.recordings, a.enemies | b.enemies
        )
        for member in merged.members:
            clusters[member] = merged
    return found


def _find_doubt(a: Cluster, b: Cluster, known: Known) -> tuple[LinkFinding, str] | None:
    if a.participant and b.participant and a.participant != b.participant:
        return LinkFinding.TWO_PARTICIPANTS, f"{a.participant} and {b.participant}"
    participant = a.participant or b.participant
    missing = find_unlisted(participant, a.recordings | b.recordings, known.listed)
    return (LinkFinding.NOT_LISTED, f"{participant} in {', '.join(missing)}") if missing else None


def find_unlisted(participant: str | None, recordings: set[str], listed: dict[str, set[str]]) -> list[str]:
    """Recordings whose rows in recordings.csv name others, but not this participant."""
    return sorted(r for r in recordings if participant and participant not in listed.get(r, {participant}))


def find_likely_pairs(
    faces: Embeddings, voices: Embeddings, weigh_faces: Weigh, weigh_voices: Weigh, *, prior: float, least: float
) -> list[Pair]:
    """Find the pairs whose probability is at least `least`, the likeliest first; at most MAX_NEIGHBOURS of a speaker.

    Args:
        faces: float32[N, Df], NaN rows where there is no face.
        voices: float32[N, Dv], likewise.
        weigh_faces: cosine -> natural log likelihood ratio.
        weigh_voices: likewise.
        prior: probability before anything is seen or heard.
        least: 0 to 1.
    """
    pairs = {
        (pair.first, pair.second): pair
        for start in range(0, len(faces), BLOCK)
        for pair in _compare_block(start, faces, voices, weigh_faces, weigh_voices, prior, least)
    }
    return sorted(pairs.values(), key=lambda pair: (-pair.confidence, pair.first, pair.second))


def _compare_block(
    start: int,
    faces: Embeddings,
    voices: Embeddings,
    weigh_faces: Weigh,
    weigh_voices: Weigh,
    prior: float,
    least: float,
) -> Iterator[Pair]:
    stop = min(start + BLOCK, len(faces))
    face, voice = faces[start:stop] @ faces.T, voices[start:stop] @ voices.T
    confidence = combine(face, voice, weigh_faces, weigh_voices, prior)
    confidence[np.arange(stop - start), np.arange(start, stop)] = -1  # nobody is their own double
    count = min(MAX_NEIGHBOURS, confidence.shape[1])
    nearest = np.argpartition(-confidence, count - 1, axis=1)[:, :count]
    likely = np.take_along_axis(confidence, nearest, axis=1) >= least
    # One who has nothing to compare is nobody's neighbour, however high the prior.
    compared = np.isfinite(face) | np.isfinite(voice)
    for row, column in zip(*np.nonzero(likely), strict=True):
        other = int(nearest[row, column])
        if not compared[row, other]:
            continue
        first, second = sorted((start + int(row), other))
        similarities = (round_cosine(float(matrix[row, other])) for matrix in (face, voice))
        yield Pair(first, second, round(float(confidence[row, other]), 4), *similarities)


def combine(
    face: NDArray[np.floating], voice: NDArray[np.floating], weigh_faces: Weigh, weigh_voices: Weigh, prior: float
) -> NDArray[np.float64]:
    """Return the probability of being one person for cosines of faces and voices; NaN = not known, says nothing."""
    log_odds = math.log(prior / (1 - prior)) + np.nan_to_num(weigh_faces(face)) + np.nan_to_num(weigh_voices(voice))
    return np.asarray(1 / (1 + np.exp(-log_odds)), np.float64)


def round_cosine(cosine: float) -> float | None:
    """As it is written down; None where one of the two is not known."""
    return round(cosine, 3) if math.isfinite(cosine) else None
