"""What is tied to what, directly or through others."""


class Forest:
    """Things by number, joined two by two.

    Source: Tarjan (1975), Efficiency of a Good But Not Linear Set Union Algorithm, JACM 22(2), with path halving.
    """

    def __init__(self, size: int) -> None:
        self._parents = list(range(size))

    def root(self, place: int) -> int:
        """The least of all that are joined with this one."""
        parents = self._parents
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    def join(self, one: int, other: int) -> None:
        """Tie two together, and with them all that is tied to either."""
        one, other = self.root(one), self.root(other)
        self._parents[max(one, other)] = min(one, other)

    def are_joined(self, one: int, other: int) -> bool:
        """Whether two are tied."""
        return self.root(one) == self.root(other)
