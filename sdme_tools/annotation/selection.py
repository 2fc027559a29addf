"""Which utterances a round is about: `--select`, by what is known of them. Values in, values out."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdme_tools.errors import AnnotationError, raise_together

FORMS = "all, unlabelled, disagreed, low-margin, low-margin:SHARE, random:N, stratified:N, list:FILE"


@dataclass(frozen=True)
class Selection:
    """`--select`, taken apart.

    Attributes:
        kind: The word before the colon.
        number: Of random and stratified.
        margin: Of low-margin; None = as corpus.toml says.
        file: Of list.
    """

    kind: str
    number: int = 0
    margin: float | None = None
    file: Path | None = None


@dataclass(frozen=True)
class Candidate:
    """An utterance that can be shown under all conditions of the round, and what earlier rounds found.

    Attributes:
        utterance_id: Its name.
        votes: For each condition of the round that was voted on, how often each answer was given.
        num_labelled: Conditions of the round in which it has a consensus.
        prediction: What a model takes it for; None = not told.
    """

    utterance_id: str
    votes: Sequence[Mapping[str, int]] = ()
    num_labelled: int = 0
    prediction: str | None = None


def parse_selection(text: str) -> Selection:
    """Read `--select`.

    Raises:
        AnnotationError: it has none of the known forms.
    """
    kind, _, detail = text.partition(":")
    try:
        if kind in ("all", "unlabelled", "disagreed") and not detail:
            return Selection(kind)
        if kind == "low-margin":
            margin = float(detail) if detail else None
            if margin is None or 0 <= margin <= 1:
                return Selection(kind, margin=margin)
        if kind in ("random", "stratified") and int(detail) > 0:
            return Selection(kind, number=int(detail))
        if kind == "list" and detail:
            return Selection(kind, file=Path(detail))
    except ValueError:
        pass
    raise AnnotationError(
        f"--select {text!r} is not understood", cure=f"write one of {FORMS}; N is at least 1, SHARE from 0 to 1"
    )


def select(
    selection: Selection,
    candidates: Sequence[Candidate],
    *,
    num_conditions: int,
    low_margin: float,
    listed: Sequence[str],
    seed: int,
) -> list[str]:
    """Choose utterances; sorted by name, so that what follows depends on what was chosen and not on how.

    'disagreed' takes those of which at most half of the raters agree in some condition, 'low-margin' those whose first
    and second answer differ by at most `low_margin` of the votes, 'stratified' as equally many of each predicted label
    as there are.

    Raises:
        AnnotationError: there are fewer than asked for, listed ones cannot be shown, or predictions are missing.
    """
    rng = random.Random(f"{seed}:select")
    ids = sorted(candidate.utterance_id for candidate in candidates)
    if selection.kind == "all":
        return ids
    if selection.kind == "list":
        return _take_listed(listed, ids, selection)
    if selection.kind == "random":
        _check_enough(selection.number, len(ids))
        return sorted(rng.sample(ids, selection.number))
    if selection.kind == "stratified":
        return _stratify(candidates, selection.number, rng)
    limit = low_margin if selection.margin is None else selection.margin
    return sorted(c.utterance_id for c in candidates if _is_wanted(c, selection.kind, num_conditions, limit))


def _is_wanted(candidate: Candidate, kind: str, num_conditions: int, limit: float) -> bool:
    if kind == "unlabelled":
        return candidate.num_labelled < num_conditions
    if kind == "disagreed":
        return any(is_disagreed(votes) for votes in candidate.votes)
    return any(margin_of(votes) <= limit for votes in candidate.votes)


def is_disagreed(votes: Mapping[str, int]) -> bool:
    """Whether at most half of at least two raters agree."""
    total = sum(votes.values())
    return total > 1 and 2 * max(votes.values()) <= total


def margin_of(votes: Mapping[str, int]) -> float:
    """How far the first answer is before the second, as a share of the votes; 1 where all agree."""
    first, second, *_ = (*sorted(votes.values(), reverse=True), 0, 0)
    return (first - second) / max(1, sum(votes.values()))


def _take_listed(listed: Sequence[str], ids: Collection[str], selection: Selection) -> list[str]:
    known = set(ids)
    raise_together(
        AnnotationError,
        f"{selection.file} names utterances that cannot be shown under all conditions of the round:",
        (name for name in dict.fromkeys(listed) if name not in known),
        cure="take them out of the list; `sdme explain DIR UTTERANCE` tells what is there of an utterance",
    )
    return sorted(set(listed))


def _check_enough(wanted: int, found: int) -> None:
    if wanted > found:
        raise AnnotationError(
            f"--select asks for {wanted} utterances; there are {found} that can be shown under all conditions",
            cure=f"ask for at most {found}",
        )


def _stratify(candidates: Sequence[Candidate], number: int, rng: random.Random) -> list[str]:
    """Take turns among the predicted labels until there are enough; a label that runs out is passed over."""
    strata: dict[str, list[str]] = {}
    for candidate in sorted(candidates, key=lambda c: c.utterance_id):
        if candidate.prediction is not None:
            strata.setdefault(candidate.prediction, []).append(candidate.utterance_id)
    if not strata:
        raise AnnotationError(
            "--select stratified needs predictions, and no utterance has any",
            cure="give them with --predictions FILE.csv (utterance_id,label), as a trained network writes them",
        )
    _check_enough(number, sum(map(len, strata.values())))
    piles = {label: rng.sample(ids, len(ids)) for label, ids in sorted(strata.items())}
    taken: list[str] = []
    while len(taken) < number:
        for pile in piles.values():
            if pile and len(taken) < number:
                taken.append(pile.pop())
    return sorted(taken)
