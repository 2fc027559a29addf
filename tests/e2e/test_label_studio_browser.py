"""A rater at work in a real browser, without a mouse: clips have sound, keys answer, the next comes."""

import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from sdme_tools.annotation.delivery import pull_round, push_round
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table
from sdme_tools.records.annotation import Annotation, Condition
from tests.e2e.conftest import ROOT
from tests.factories import make_tone, write_media
from tests.studio_round import make_round
from tests.studio_server import NAMES, PASSWORD, Rater, Server, clear_corpus

pytestmark = pytest.mark.slow

ARTIFACTS = ROOT / "build" / "artifacts"
CLIP_MS = 2000


@pytest.fixture
def corpus(server: Server, request: pytest.FixtureRequest, tmp_path: Path) -> Corpus:
    clear_corpus(server)
    clip = write_media(tmp_path / "clip.mp4", num_frames=50, size_px=(320, 240), sound=make_tone(CLIP_MS))
    name = f"b{zlib.crc32(request.node.name.encode())}"
    return make_round(server.root, num_items=3, conditions=(Condition.FULL,), media=clip.read_bytes(), round_id=name)


@pytest.fixture
def page(server: Server, raters: dict[str, Rater]) -> Iterator[Page]:
    """A page on which the first rater has signed in."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium here; Debian's package of that name is what this test drives")
    with sync_playwright() as driver:
        # Chromium has no sandbox for root, which is who runs tests in containers.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--mute-audio"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(f"{server.connection.url}/user/login/")
        page.fill("input[name=email]", raters["r1"].email)
        page.fill("input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/user/login" not in url)
        yield page
        browser.close()


def test_a_rater_answers_by_keyboard_alone(corpus: Corpus, server: Server, page: Page) -> None:
    name = corpus.rounds()[0]
    report = push_round(corpus, name, server.studio, progress=lambda done, total: None)
    page.goto(f"{report.projects['full r1']}data?labeling=1")
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    try:
        answer_by_keys(page)
    finally:
        page.screenshot(path=ARTIFACTS / "label_studio_full.png")
    taken = pull_round(corpus, name, server.studio, NAMES.get, progress=lambda done, total: None)
    assert taken.num_votes == 2
    votes = read_table(corpus.layout.round_dir(name) / "annotations.jsonl", Annotation)
    assert [(v.order, v.label, v.confidence) for v in votes] == [(0, "calm", 1.0), (1, "upset", 0.0)]


def answer_by_keys(page: Page) -> None:
    """Answer two tasks and stay before the third."""
    page.wait_for_selector("text=Which emotion does this person express?")
    page.screenshot(path=ARTIFACTS / "label_studio_first.png")
    page.keyboard.press("Escape")  # the guidelines lie over the first task
    for label_key, confidence_key, place in (("1", "d", 0), ("2", "a", 1)):
        page.wait_for_selector(f"text=din_{1000 * place}_")
        page.wait_for_function("document.querySelector('video')?.readyState >= 3")
        play_by_key(page)
        heard = page.evaluate(
            "() => { const v = document.querySelector('video');"
            " return [v.currentTime, v.duration, v.webkitAudioDecodedByteCount, v.muted]; }"
        )
        assert abs(heard[1] - CLIP_MS / 1000) < 0.2
        assert heard[2] > 0
        assert not heard[3]
        page.keyboard.press(label_key)
        page.keyboard.press(confidence_key)
        page.screenshot(path=ARTIFACTS / f"label_studio_answered_{place}.png")
        page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=din_2000_")


def play_by_key(page: Page) -> None:
    """Start the clip; a key pressed before the page listens for keys is lost, as a rater would notice."""
    for _ in range(20):
        page.keyboard.press("Control+Alt+Space")
        page.wait_for_timeout(700)
        if page.evaluate("document.querySelector('video').currentTime") > 0.2:
            return
    pytest.fail("the clip did not start by key")
