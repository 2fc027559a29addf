"""A rater at work in a real browser, without a mouse: clips play and have sound, keys answer, the next task comes."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, Response, sync_playwright

from sdme_tools.records.annotation import Condition
from tests.studio_server import PASSWORD, Rater

PLAY_KEYS = {Condition.FULL: "Control+Alt+Space", Condition.VIDEO: "Control+Alt+Space", Condition.VOICE: "Control+p"}
"""As the guidelines of each condition tell raters."""
_STATE = """() => { const m = document.querySelector('video, audio');
  return m && {time: m.currentTime, duration: m.duration, sound: m.webkitAudioDecodedByteCount, muted: m.muted}; }"""


@contextmanager
def signed_in(rater: Rater) -> Iterator[Page]:
    """A page on which a rater has signed in, by keyboard as everything after it."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium here; Debian's package of that name is what this test drives")
    with sync_playwright() as driver:
        # Chromium has no sandbox for root, which is who runs tests in containers.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--mute-audio"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(f"{rater.url}/user/login/")
        page.focus("input[name=email]")
        page.keyboard.type(rater.email)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/user/login" not in url)
        yield page
        browser.close()


@dataclass(frozen=True)
class Played:
    """A clip as the browser played it."""

    duration_s: float
    had_sound: bool


def answer_queue(
    page: Page, address: str, condition: Condition, keys_for: Callable[[str], list[str]], num_tasks: int, shots: Path
) -> tuple[list[str], Played]:
    """Answer all tasks of a project by keys; return their task keys as they came, and how the first clip played.

    `keys_for` names the keys to press for a task; pictures of the first task go into the folder `shots`.
    """
    came: list[str] = []
    with page.expect_response(_is_next_task) as first:
        page.goto(f"{address}data?labeling=1")
    page.wait_for_selector("text=Which emotion does this person express?")
    page.screenshot(path=shots / f"{condition.value}_guidelines.png")
    page.keyboard.press("Escape")  # the guidelines lie over the first task
    task = first.value.json()
    played = _play(page, condition)
    page.screenshot(path=shots / f"{condition.value}_playing.png")
    for number in range(num_tasks):
        came.append(task["data"]["task_key"])
        page.wait_for_function("() => (document.querySelector('video, audio')?.readyState ?? 0) >= 3")
        for key in keys_for(came[-1]):
            page.keyboard.press(key)
        if number == 0:
            page.screenshot(path=shots / f"{condition.value}_answered.png")
        with page.expect_response(_is_next_task) as following:
            page.keyboard.press("Control+Enter")
        task = following.value.json() if following.value.ok else {}
    page.wait_for_timeout(500)
    page.screenshot(path=shots / f"{condition.value}_done.png")
    return came, played


def _is_next_task(response: Response) -> bool:
    return "id=next_task" in response.url


def _play(page: Page, condition: Condition) -> Played:
    """Start the clip; a key pressed before the page listens for keys is lost, as a rater would notice."""
    page.wait_for_function("() => (document.querySelector('video, audio')?.readyState ?? 0) >= 3")
    for _ in range(20):
        page.keyboard.press(PLAY_KEYS[condition])
        page.wait_for_timeout(700)
        state = page.evaluate(_STATE)
        if state["time"] > 0.2:
            assert not state["muted"]
            return Played(state["duration"], state["sound"] > 0)
    pytest.fail(f"the clip of condition {condition.value} did not start by key")
