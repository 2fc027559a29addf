"""Units in process pools: results, errors, bugs, and a process that dies."""

import os
import signal

import pytest

from sdme_tools.errors import MediaError, SdmeError
from sdme_tools.stages.schedule import Call, Finished, Pool, Schedule


def double(number: int) -> int:
    return 2 * number


def fail(name: str) -> int:
    raise MediaError(f"{name} is broken", cure="mend it")


def stumble() -> int:
    return 1 // 0


def die() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def run(calls: dict[tuple[str], Call[int]]) -> dict[tuple[str], Finished[tuple[str], int]]:
    with Schedule[tuple[str], int]({"cpu": Pool(2)}) as schedule:
        for name, call in calls.items():
            schedule.submit(name, call)
        return {finished.name: finished for finished in schedule.finished()}


def test_results_errors_and_bugs_are_told_apart() -> None:
    ended = run({
        ("good",): Call("cpu", double, (21,)),
        ("bad",): Call("cpu", fail, ("a.mp4",)),
        ("bug",): Call("cpu", stumble, ()),
    })  # fmt: skip
    assert ended["good",].result == 42
    error = ended["bad",].error
    assert isinstance(error, MediaError) and error.what == "a.mp4 is broken" and error.cure == "mend it"
    assert "ZeroDivisionError" in (ended["bug",].bug or "")


def test_a_process_that_dies_takes_nobody_along() -> None:
    calls = {(f"good{i}",): Call("cpu", double, (i,)) for i in range(6)}
    ended = run(calls | {("killer",): Call("cpu", die, ())} | {("late",): Call("cpu", double, (50,))})
    assert [ended[f"good{i}",].result for i in range(6)] == [0, 2, 4, 6, 8, 10]
    assert ended["late",].result == 100
    assert isinstance(ended["killer",].error, SdmeError) and "killer" in ended["killer",].error.what


def test_units_submitted_meanwhile_run_too() -> None:
    seen = []
    with Schedule[tuple[str], int]({"cpu": Pool(1)}) as schedule:
        schedule.submit(("1",), Call("cpu", double, (1,)))
        for finished in schedule.finished():
            seen.append(finished.result)
            if len(seen) < 3:
                schedule.submit((str(len(seen)),), Call("cpu", double, (finished.result,)))
    assert seen == [2, 4, 8]


def test_an_unknown_pool_is_a_bug() -> None:
    with pytest.raises(KeyError):
        run({("x",): Call("gpu", double, (1,))})
