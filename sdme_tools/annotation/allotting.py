"""Who is shown which utterance under which condition: exactly as many raters as asked for, loads level within one.

Two steps, each exact. First every utterance is given its raters, the least busy ones first; where earlier meetings
forbid some, work is passed on along chains of raters until loads are level or provably cannot be. Then the raters of
each utterance are divided among the conditions: by the theorem of de Werra every bipartite graph has an equitable
edge colouring, so the conditions can be level for every rater and exact for every utterance at once.
"""

import heapq
import random
from collections.abc import Callable, Collection, Sequence
from itertools import combinations

from sdme_tools.errors import AnnotationError

Allotment = list[list[int]]
"""For each utterance the numbers of its raters."""


def allot_raters(
    num_utterances: int,
    met: Sequence[Collection[int]],
    per_utterance: int,
    rng: random.Random,
    *,
    must_be_level: bool = True,
) -> Allotment:
    """Give every utterance `per_utterance` different raters who have not met it, with loads that differ by at most one.

    Args:
        num_utterances: How many there are; they are numbered from 0.
        met: For each rater the utterances that they may not be shown.
        per_utterance: At most as many as there are raters.
        rng: Decides between equals.
        must_be_level: False = where earlier meetings make that impossible, loads as level as they can be will do.

    Raises:
        AnnotationError: earlier meetings leave too few raters for an utterance, or make level loads impossible.
    """
    num_raters = len(met)
    loads = [0] * num_raters
    allowed = [[r for r in range(num_raters) if u not in met[r]] for u in range(num_utterances)] if any(met) else None
    # Those with the fewest possible raters choose first; without earlier meetings all have the same.
    turns = sorted(range(num_utterances), key=lambda u: (len(allowed[u]) if allowed else 0, rng.random()))
    if allowed and (scarce := [u for u in turns if len(allowed[u]) < per_utterance]):
        few = min(len(allowed[u]) for u in scarce)
        raise AnnotationError(
            f"{len(scarce)} utterances need {per_utterance} raters each who have not met them before; "
            f"earlier rounds leave as few as {few}",
            cure="name more raters, ask for fewer per item or fewer conditions, or shorten --wash-out",
        )
    chosen: Allotment = [[] for _ in range(num_utterances)]
    if allowed is None:
        _deal(turns, chosen, num_raters, per_utterance, rng)
        return chosen
    for u in turns:
        chosen[u] = sorted(allowed[u], key=lambda r: (loads[r], rng.random()))[:per_utterance]
        for r in chosen[u]:
            loads[r] += 1
    _level(chosen, allowed, loads, must_be_level=must_be_level)
    return chosen


def _deal(turns: Sequence[int], chosen: Allotment, num_raters: int, per_utterance: int, rng: random.Random) -> None:
    """Give each utterance to the least busy raters, at random among equals: loads never differ by more than one."""
    waiting = [(0, rng.random(), r) for r in range(num_raters)]
    heapq.heapify(waiting)
    for u in turns:
        least_busy = [heapq.heappop(waiting) for _ in range(per_utterance)]
        chosen[u] = [r for _, _, r in least_busy]
        for load, _, r in least_busy:
            heapq.heappush(waiting, (load + 1, rng.random(), r))


def _level(chosen: Allotment, allowed: Sequence[Sequence[int]], loads: list[int], *, must_be_level: bool) -> None:
    """Pass utterances on along chains of raters until loads differ by at most one.

    A chain from a rater to one with at least two fewer makes loads more level; where none exists they are as level as
    they can be (Harvey et al. 2006, Semi-matchings for bipartite graphs and load balancing, theorem 3.1).
    """
    held: list[set[int]] = [set() for _ in loads]
    for u, raters in enumerate(chosen):
        for r in raters:
            held[r].add(u)
    while max(loads) - min(loads) > 1:
        busiest_first = sorted(range(len(loads)), key=lambda r: -loads[r])
        chain = next(filter(None, (_find_chain(r, chosen, allowed, loads, held) for r in busiest_first)), None)
        if chain is None and not must_be_level:
            return
        if chain is None:
            raise AnnotationError(
                f"loads cannot be level: rater number {loads.index(min(loads)) + 1} could be given only {min(loads)} "
                f"utterances and number {loads.index(max(loads)) + 1} must take {max(loads)}, because of what they "
                "met in earlier rounds",
                cure="leave out the rater who has met nearly everything, name more raters, or shorten --wash-out",
            )
        for giver, u, taker in chain:
            chosen[u][chosen[u].index(giver)] = taker
            held[giver].remove(u)
            held[taker].add(u)
        loads[chain[0][0]] -= 1
        loads[chain[-1][2]] += 1


def _find_chain(
    start: int, chosen: Allotment, allowed: Sequence[Sequence[int]], loads: Sequence[int], held: Sequence[set[int]]
) -> list[tuple[int, int, int]] | None:
    """The shortest chain of (giver, utterance, taker) from `start` to a rater with at least two fewer."""
    came: dict[int, tuple[int, int]] = {}
    queue = [start]
    for giver in queue:
        for u in sorted(held[giver]):
            for taker in allowed[u]:
                if taker == start or taker in came or taker in chosen[u]:
                    continue
                came[taker] = (giver, u)
                queue.append(taker)
                if loads[taker] <= loads[start] - 2:
                    return _trace(came, start, taker)
        if len(came) == len(loads) - 1:
            break
    return None


def _trace(came: dict[int, tuple[int, int]], start: int, end: int) -> list[tuple[int, int, int]]:
    chain = []
    while end != start:
        giver, u = came[end]
        chain.append((giver, u, end))
        end = giver
    return chain[::-1]


def divide_among_conditions(chosen: Allotment, num_conditions: int, rng: random.Random) -> list[list[list[int]]]:
    """Divide each utterance's raters among the conditions: equally many each, and each rater's conditions level.

    Returns:
        For each condition, for each utterance, its raters.
    """
    edges = [(u, r) for u, raters in enumerate(chosen) for r in rng.sample(raters, len(raters))]
    size = len(chosen[0]) if chosen else 0
    colours = [number % size * num_conditions // size for number in range(len(edges))]
    _even_out(edges, colours, num_conditions, rng)
    divided: list[list[list[int]]] = [[[] for _ in chosen] for _ in range(num_conditions)]
    for (u, r), colour in zip(edges, colours, strict=True):
        divided[colour][u].append(r)
    return divided


def _even_out(edges: Sequence[tuple[int, int]], colours: list[int], num_colours: int, rng: random.Random) -> None:
    """Recolour two colours at a time until no rater has two more of one than of another.

    Each recolouring lowers the sum of squares of the raters' counts, or leaves everything level: so it ends.
    """
    uneven = True
    while uneven:
        uneven = False
        for first, second in combinations(range(num_colours), 2):
            surplus: dict[int, int] = {}
            for (_, r), colour in zip(edges, colours, strict=True):
                if colour in (first, second):
                    surplus[r] = surplus.get(r, 0) + (1 if colour == first else -1)
            if any(abs(difference) > 1 for difference in surplus.values()):
                uneven = True
                _recolour(edges, colours, (first, second), rng)


def _recolour(edges: Sequence[tuple[int, int]], colours: list[int], pair: tuple[int, int], rng: random.Random) -> None:
    """Colour the edges of two colours anew, level for every rater within one and exact for every utterance.

    Edges are paired at each utterance, and at each rater but for an odd one; paired edges shall differ. Such pairs
    form paths and cycles that alternate between pairs of utterances and of raters, so every cycle is even.
    """
    subject = [number for number, colour in enumerate(colours) if colour in pair]
    rng.shuffle(subject)
    at_utterance = _pair_up(subject, lambda number: edges[number][0])
    at_rater = _pair_up(subject, lambda number: edges[number][1])
    done: set[int] = set()
    for start in subject:
        if start in done:
            continue
        done.add(start)
        colours[start] = pair[rng.randrange(2)]
        stack = [start]
        while stack:
            number = stack.pop()
            other = pair[1] if colours[number] == pair[0] else pair[0]
            for partner in (at_utterance.get(number), at_rater.get(number)):
                if partner is not None and partner not in done:
                    done.add(partner)
                    colours[partner] = other
                    stack.append(partner)


def _pair_up(numbers: Sequence[int], end_of: Callable[[int], int]) -> dict[int, int]:
    """Pair edges that share an end; an odd one stays alone."""
    waiting: dict[int, int] = {}
    partners: dict[int, int] = {}
    for number in numbers:
        end = end_of(number)
        other = waiting.pop(end, None)
        if other is None:
            waiting[end] = number
        else:
            partners[number], partners[other] = other, number
    return partners
