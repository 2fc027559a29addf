"""The best places by integer programming (HiGHS), starting from a good division, and how far from it any can be.

One variable for each group and place says whether it stands there; the largest deviation is made as small as possible.
The solver is held to what is better than the division it is given, so that it either finds a better one or proves that
there is none. How much it may do is a number of nodes of its search tree and not a time: the same problem ends with the
same answer on any machine. The clock is only a guard; an answer that the clock cut short is not taken, since it would
not come out again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from sdme_tools.backends.quiet import quiet_stdout
from sdme_tools.release.balance import FREE, Balance, Places

_NODES_PER_S = 60
"""Nodes for each second of the time limit, of a problem of _USUAL_SIZE; an idle core needs a third of that time."""
_GUARD = 3
"""Times the time limit after which the clock ends it, on a machine that is slower than that or busy."""
_USUAL_SIZE = 2880
"""Numbers in the constraints of 60 groups, 3 splits, 8 features."""
MAX_SIZE = 20_000
"""Larger problems are not given to the solver: there the search comes within a ten-thousandth by itself."""
_LEAST_GAIN = 1e-7
_LIMIT, _INFEASIBLE = 1, 2
"""How it ended, as scipy says; that the nodes are used up has no number of its own there."""


@dataclass(frozen=True)
class Solution:
    """What the solver came by."""

    places: Places
    """int64[G]: the better division, or the one that was given."""
    bound: float | None
    """No division (that lacks no more labels) has a smaller objective; None where the solver was not asked, or the
    clock stopped it."""
    stopped_by_clock: bool = False


def solve_places(balance: Balance, places: Places, time_limit_s: float) -> Solution:
    """Look for a division better than `places`, and prove how good any can be.

    Args:
        balance: What is wished.
        places: int64[G]: a division that keeps what is fixed.
        time_limit_s: How long an ordinary machine may take; converted into nodes.
    """
    objective = float(balance.objective(balance.fill(places)))
    num_groups, num_features = balance.counts.shape
    size = 2 * num_groups * len(balance.wished) * num_features
    if objective <= _LEAST_GAIN or len(balance.free) == 0:
        return Solution(places, bound=objective)
    if size > MAX_SIZE:
        return Solution(places, bound=None)
    program = _Program(balance, places, objective)
    nodes = max(1, int(_NODES_PER_S * time_limit_s * min(1.0, _USUAL_SIZE / size)))
    with quiet_stdout():
        found = milp(
            program.costs(),
            constraints=program.constraints(),
            integrality=program.integrality(),
            bounds=program.bounds(),
            options={"time_limit": _GUARD * time_limit_s, "node_limit": nodes, "mip_rel_gap": 0.0},
        )
    if found.status == _INFEASIBLE:
        return Solution(places, bound=objective)
    if found.status == _LIMIT and (found.mip_node_count or 0) < nodes:
        return Solution(places, bound=None, stopped_by_clock=True)
    bound = min(objective, max(0.0, float(found.mip_dual_bound or 0.0)))
    if found.x is None:
        return Solution(places, bound=bound)
    better = found.x[:-1].reshape(num_groups, -1).argmax(axis=1).astype(np.int64)
    is_better = balance.badness(balance.fill(better)) < balance.badness(balance.fill(places)) - _LEAST_GAIN
    return Solution(better if is_better else places, bound=bound)


class _Program:
    """The integer program: G·S variables of 0 or 1, group by group, and the worst deviation as the last."""

    def __init__(self, balance: Balance, places: Places, objective: float) -> None:
        self._balance = balance
        self._objective = objective
        self._present = balance.fill(places) > 0
        self._num_places = len(balance.wished)
        self._num = len(balance.counts) * self._num_places

    def costs(self) -> NDArray[np.float64]:
        costs = np.zeros(self._num + 1)
        costs[-1] = 1.0
        return costs

    def integrality(self) -> NDArray[np.int64]:
        kinds = np.ones(self._num + 1, dtype=np.int64)
        kinds[-1] = 0
        return kinds

    def bounds(self) -> Bounds:
        """Fixed groups stand where they stand; the worst deviation is less than what is known already."""
        fixed = self._balance.fixed
        is_here = np.arange(self._num_places)[None, :] == fixed[:, None]
        low = is_here.astype(np.float64).ravel()
        high = (is_here | (fixed == FREE)[:, None]).astype(np.float64).ravel()
        return Bounds(np.append(low, 0.0), np.append(high, self._objective - _LEAST_GAIN))

    def constraints(self) -> list[LinearConstraint]:
        """Each group stands in one place; deviations are at most the worst; no place loses a label that it has."""
        balance, num_places = self._balance, self._num_places
        num_groups, num_features = balance.counts.shape
        here = sparse.hstack([sparse.kron(sparse.eye(num_groups), np.ones((1, num_places))), _column(num_groups, 0.0)])
        filling = sparse.kron(balance.shares.T, sparse.eye(num_places))
        count = num_features * num_places
        weights = np.repeat(np.where(balance.weights > 0, balance.weights, 1.0), num_places)
        slack = np.repeat(balance.unavoidable, num_places)
        wished = np.tile(balance.wished, num_features)
        worst = sparse.csr_matrix((-1 / weights)[:, None])
        must = np.flatnonzero((self._present & (balance.needed | (np.arange(num_features) == 0))).T.ravel())
        has = (filling.tocsr()[must] > 0).astype(np.float64)
        return [
            LinearConstraint(here.tocsr(), np.ones(num_groups), np.ones(num_groups)),
            LinearConstraint(sparse.hstack([filling, worst]).tocsr(), np.full(count, -np.inf), wished + slack),
            LinearConstraint(sparse.hstack([filling, -worst]).tocsr(), wished - slack, np.full(count, np.inf)),
            LinearConstraint(
                sparse.hstack([has, _column(len(must), 0.0)]).tocsr(), np.ones(len(must)), np.full(len(must), np.inf)
            ),
        ]


def _column(length: int, value: float) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.full((length, 1), value))
