"""Run units of work in process pools, in an order that respects what needs what, and survive a process that dies.

Knows nothing of corpora: a unit is a name, a pool and a picklable call.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from sdme_tools.engine.local import open_pool
from sdme_tools.errors import BackendError, SdmeError

Name = TypeVar("Name", bound=tuple[str, ...])
Result = TypeVar("Result")


@dataclass(frozen=True)
class Pool:
    """How many processes, and how many threads each."""

    num_processes: int
    threads_each: int = 1


@dataclass(frozen=True)
class Call(Generic[Result]):
    """What a unit does, and in which pool."""

    pool: str
    function: Callable[..., Result]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Finished(Generic[Name, Result]):
    """A unit's end: its result, the user's error, or the traceback of a bug."""

    name: Name
    result: Result | None = None
    error: SdmeError | None = None
    bug: str | None = None


@dataclass
class Schedule(AbstractContextManager["Schedule[Name, Result]"], Generic[Name, Result]):
    """Submits calls and yields them as they finish."""

    pools: Mapping[str, Pool]
    _open: dict[str, ProcessPoolExecutor] = field(default_factory=dict)
    _running: dict[Future[Result], tuple[Name, Call[Result]]] = field(default_factory=dict)

    def submit(self, name: Name, call: Call[Result]) -> None:
        """Queue a unit; its pool opens at the first use."""
        if call.pool not in self._open:
            pool = self.pools[call.pool]
            self._open[call.pool] = open_pool(pool.num_processes, pool.threads_each)
        try:
            future = self._open[call.pool].submit(call.function, *call.arguments)
        except BrokenProcessPool as error:
            # A process died a moment ago; the unit joins those that are tried again one by one.
            future = Future()
            future.set_exception(error)
        self._running[future] = (name, call)

    def finished(self) -> Iterator[Finished[Name, Result]]:
        """Yield units as they end, until none is left; units submitted meanwhile count."""
        while self._running:
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            broken: list[tuple[Name, Call[Result]]] = []
            for future in done:
                name, call = self._running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    broken.append((name, call))
                else:
                    yield _judge(name, future)
            if broken:
                yield from self._one_by_one(broken)

    def _one_by_one(self, suspects: list[tuple[Name, Call[Result]]]) -> Iterator[Finished[Name, Result]]:
        """A process died and took its pool along: alone in a pool, the culprit shows and the others finish."""
        pool = suspects[0][1].pool
        self._open.pop(pool).shutdown(wait=True)
        others = [future for future, (_, call) in self._running.items() if call.pool == pool]
        for name, call in [*suspects, *map(self._running.pop, others)]:
            with open_pool(1, self.pools[pool].threads_each) as alone:
                future = alone.submit(call.function, *call.arguments)
                yield _judge(name, future)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for executor in self._open.values():
            executor.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self


def _judge(name: Name, future: Future[Result]) -> Finished[Name, Result]:
    error = future.exception()
    if error is None:
        return Finished(name, result=future.result())
    if isinstance(error, SdmeError):
        return Finished(name, error=error)
    if isinstance(error, BrokenProcessPool):
        died = BackendError(
            f"{' / '.join(name)}: the process died, killed by the system or crashed in native code",
            cure="free memory or use fewer --jobs; if it dies again, the file itself may be at fault",
        )
        return Finished(name, error=died)
    return Finished(name, bug="".join(traceback.format_exception(error)))
