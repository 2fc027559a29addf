"""WebVTT: what is written comes back, for us and for others."""

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdme_tools.backends.asr.webvtt import VttCue, parse_vtt, render_vtt

TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"))).map(lambda text: " ".join(text.split()))


@given(st.lists(TEXT, max_size=4), TEXT)
def test_any_text_and_voice_survive(texts: list[str], voice: str) -> None:
    voice = voice.replace(">", "").replace("<", "")
    cues = [VttCue(f"r_{i}_{i + 1}", 1000 * i, 1000 * i + 900, text, voice) for i, text in enumerate(texts)]
    file = parse_vtt(render_vtt(cues, head="from here", foot="to there\nand on"))
    assert file.problems == () and file.notes == ("from here", "to there\nand on")
    assert [(c.identifier, c.start_ms, c.end_ms, c.text, c.voice) for c in file.cues] == [
        (c.identifier, c.start_ms, c.end_ms, c.text, voice.strip()) for c in cues
    ]


def test_markup_in_a_text_is_no_markup() -> None:
    hard = "a <b> & c --> d &amp; 00:01.000 --> 00:02.000 </v>"
    written = render_vtt([VttCue("r_0_9", 0, 900, hard, "p01")])
    assert written.count("-->") == 1
    assert parse_vtt(written).cues[0].text == hard


def test_another_reader_gets_the_same_times() -> None:
    cues = [VttCue("", 3_723_004, 3_724_000, "late", "p01"), VttCue("", 500, 900, "early")]
    events = pysubs2.SSAFile.from_string(render_vtt(cues), format_="vtt").events
    assert [(e.start, e.end, e.plaintext) for e in events] == [(500, 900, "early"), (3_723_004, 3_724_000, "late")]


def test_what_other_programs_write_is_understood() -> None:
    content = (
        "\n".join(
            [
                "WEBVTT - a title", "Kind: captions", "", "STYLE", "::cue { color: red }", "", "NOTE", "by hand", "",
                "1", "00:01.000 --> 00:02.000 align:start", "<v.loud Ann Lee>Good <i>morning</i>,",
                "all &lt;of&gt; you", "",
                "00:03.000\t-->\t00:04.000", "<00:03.500>Bye",
            ]
        )
        + "\n"
    )  # fmt: skip
    file = parse_vtt(content.replace("\n", "\r\n"))
    assert file.problems == () and file.notes == ("by hand",)
    assert [(c.identifier, c.text, c.voice) for c in file.cues] == [
        ("1", "Good morning, all <of> you", "Ann Lee"),
        ("", "Bye", ""),
    ]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("WEBVT\n", "line 1"),
        ("WEBVTT\n\n00:01 --> 00:02\nHello\n", "line 3"),
        ("WEBVTT\n\na\nb\nc\n", "line 4"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n00:03.000 --> 00:04.000\nBye\n", "line 5"),
        ("WEBVTT\n\n00:02.000 --> 00:02.000\nHello\n", "line 3"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n\nstray words\n", "line 7"),
    ],
)
def test_what_is_malformed_is_told_with_its_line(content: str, place: str) -> None:
    (problem, *_) = parse_vtt(content).problems
    assert place in problem
