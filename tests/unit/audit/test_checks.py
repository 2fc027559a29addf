"""The checks on made figures: what is far off is told, what is usual is not."""

import numpy as np

from sdme_tools.audit.checks import CURES, find_defects
from sdme_tools.audit.items import Item, Row
from sdme_tools.audit.measure import Measurement


def measured(ms: int = 2500, **changes: object) -> Measurement:
    return Measurement(**({"audio_ms": ms, "video_ms": ms, "peak": 0.5, "audio_hash": f"h{ms}"} | changes))  # type: ignore[arg-type]


def find(entries: list[tuple[Row | None, Measurement]]) -> list[tuple[str, str]]:
    items = [Item(f"c{i:02d}", {"file": str(i)}, row) for i, (row, _) in enumerate(entries)]
    found = find_defects(items, {str(i): m for i, (_, m) in enumerate(entries)})
    assert all(finding.cure == CURES[finding.code] for finding in found)
    return [(finding.where, finding.code) for finding in found]


def usual(num: int = 20) -> list[tuple[Row | None, Measurement]]:
    rng = np.random.default_rng(0)
    lengths = [int(ms) for ms in rng.lognormal(np.log(2500), 0.3, num)]
    return [
        (Row(text="abcdefghij" * max(1, ms // 700)), measured(ms, audio_hash=f"u{i}")) for i, ms in enumerate(lengths)
    ]


def test_usual_clips_have_no_findings() -> None:
    assert find(usual(40)) == []


def test_lengths_far_off_are_told() -> None:
    assert find([*usual(), (None, measured(60_000)), (None, measured(90))]) == [
        ("c20", "duration_outlier"),
        ("c21", "duration_outlier"),
    ]


def test_equally_long_clips_make_no_outlier_of_one_a_little_off() -> None:
    assert find([*[(None, measured(3000, audio_hash=str(i))) for i in range(10)], (None, measured(3200))]) == []


def test_too_few_clips_to_tell_what_is_usual() -> None:
    assert find([(None, measured(1000)), (None, measured(90_000))]) == []


def test_texts_that_do_not_fit() -> None:
    odd = [Row(text="x" * 200), Row(text="x"), Row(text="   "), Row(text="...")]
    found = find([*usual(), *((row, measured(2500 + i)) for i, row in enumerate(odd))])
    assert found == [("c20", "text_too_long"), ("c21", "text_too_short"), ("c22", "text_empty")]


def test_the_same_sound_twice_and_the_split_it_crosses() -> None:
    rows = [Row(split="train"), Row(split="test"), None]
    items = [Item(f"c{i}", {"file": f"c{i}"}, row) for i, row in enumerate(rows)]
    found = find_defects(items, {item.where: measured() for item in items})
    assert [(f.where, f.code) for f in found] == [("c1", "duplicate_audio"), ("c2", "duplicate_audio")]
    assert "c0, which is in split train, this one in test" in found[0].what


def test_silent_clips_are_no_duplicates() -> None:
    silent = measured(peak=0.0, audio_hash="zeros")
    assert {code for _, code in find([(None, silent), (None, silent)])} == {"silent_audio"}


def test_speakers_and_recordings_in_several_splits() -> None:
    told = "a train r1, a train r1, a test r2, b test r2, c train r2"
    rows = [Row(speaker=a, split=b, recording=c) for a, b, c in (entry.split() for entry in told.split(", "))]
    rows.append(Row(speaker="", split="test", recording=""))
    found = find([(row, measured(2500 + i)) for i, row in enumerate(rows)])
    assert found == [("recording r2", "recording_in_splits"), ("speaker a", "speaker_in_splits")]


def test_one_clip_without_sound_among_many_with() -> None:
    entries = [*usual(12), (None, measured(audio_ms=None, peak=None, audio_hash=None))]
    assert find(entries) == [("c12", "stream_missing")]
    assert find([(None, measured(audio_ms=None, peak=None, audio_hash=None))] * 4) == []
