"""The pictures: what is looked at, that they are drawn of everything, quietly, and always alike."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import sdme_tools.media.video as video_reading
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.view import read_view
from sdme_tools.errors import CorpusError
from sdme_tools.media.video import read_frames_at
from sdme_tools.stages.preview.build import draw_previews
from sdme_tools.stages.preview.glimpses import NUM_TIMES, Sight, look
from sdme_tools.stages.preview.style import printable
from sdme_tools.stages.preview.verdict import describe_binding
from tests.factories import ingest, number_of, write_media
from tests.unit.made_corpus import make_recorded_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_recorded_corpus(tmp_path_factory.mktemp("made") / "corpus")


def frozen(corpus: Corpus) -> list[tuple[Sight, list[int], list[set[str]]]]:
    """Each sight with what its pictures were, since they are let go when the next one comes."""
    view = read_view(corpus, "din")
    return [
        (sight, [number_of(g.frame) for g in sight.glimpses], [set(g.boxes) for g in sight.glimpses])
        for sight in look(view, view.utterances)
    ]


def test_the_pictures_are_those_shown_at_their_times(corpus: Corpus) -> None:
    for sight, numbers, boxes in frozen(corpus):
        assert len(sight.times_ms) == len(numbers) == NUM_TIMES
        assert numbers == [t_ms // 40 % 16 for t_ms in sight.times_ms]
        assert all(names == {"din_t1", "din_t2"} for names in boxes)
        assert len(sight.voice) == sight.view.utterance.span.duration_ms * 16 and np.abs(sight.voice).max() > 0.3


def test_the_video_is_decoded_once_for_all_utterances(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    decode = video_reading.decode_video

    def count(*arguments: object, **named: object) -> object:
        passes.append(named)
        return decode(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(video_reading, "decode_video", count)
    assert len(frozen(corpus)) == 4 and len(passes) == 1


def test_long_stretches_without_a_wanted_picture_are_jumped_over(tmp_path: Path) -> None:
    path = write_media(tmp_path / "long.mp4", num_frames=700, frame_times_ms=[100 * k for k in range(700)], fps=10)
    times_ms = [0, 150, 40_000, 40_050, 69_950, 80_000]
    shown = [(t_ms, number_of(picture)) for t_ms, picture in read_frames_at(path, ingest(path), times_ms)]
    assert shown == [(t_ms, min(t_ms, 69_950) // 100 % 16) for t_ms in times_ms]


def test_every_utterance_and_a_sheet_are_drawn_always_alike(corpus: Corpus, tmp_path: Path) -> None:
    heard: list[str] = []
    report = draw_previews(corpus, tmp_path / "a", on_picture=heard.append)
    again = draw_previews(corpus, tmp_path / "b")
    assert len(report.pictures) == len(heard) == 4 and len(report.sheets) == 1 and not report.failures
    for first, second in zip(report.pictures + report.sheets, again.pictures + again.sheets, strict=True):
        assert Path(first).read_bytes() == Path(second).read_bytes()
        assert matplotlib.image.imread(first).shape[1] >= 1400


def test_the_bound_face_stands_out(corpus: Corpus, tmp_path: Path) -> None:
    report = draw_previews(corpus, tmp_path)
    blue, orange = (0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00)

    def shares(path: str) -> list[int]:
        rgb = np.rint(matplotlib.image.imread(path)[..., :3] * 255).astype(int)
        return [int((np.abs(rgb - colour).max(axis=2) < 6).sum()) for colour in (blue, orange)]

    first, second, neither = (shares(path) for path in report.pictures[:3])
    assert first[0] > 1.5 * first[1] and second[1] > 1.5 * second[0]
    assert max(neither) < 0.7 * min(first[0], second[1])


def test_the_verdict_is_in_words(corpus: Corpus) -> None:
    said = [describe_binding(sight) for sight, _, _ in frozen(corpus)]
    assert said[0] == "FACE A SPEAKS" and said[1] == "FACE B SPEAKS"
    assert said[2].startswith("NO FACE CLAIMED: several candidates")


def test_a_face_keeps_its_letter_in_all_pictures_of_a_recording(corpus: Corpus) -> None:
    """Rows from above, each from the left; a face that nods across the middle of the picture stays who it is."""
    view = read_view(corpus, "din")
    places = {"right": (120, 40), "left": (20, 44), "below": (60, 100)}
    tracks = tuple(
        view.tracks[0].model_copy(
            update={"track_id": name, "boxes": tuple((x, y + 6 * (k % 2), 40, 40) for k in range(40))}
        )
        for name, (x, y) in places.items()
    )
    for sight in look(replace(view, tracks=tracks), view.utterances):
        assert [(face.letter, face.track_id) for face in sight.faces] == [("A", "left"), ("B", "right"), ("C", "below")]


def test_sound_alone_is_drawn_too(tmp_path: Path) -> None:
    report = draw_previews(make_recorded_corpus(tmp_path / "c", with_video=False), tmp_path / "out")
    assert len(report.pictures) == 4 and len(report.sheets) == 1


def test_a_lost_file_stops_only_its_recording(tmp_path: Path) -> None:
    corpus = make_recorded_corpus(tmp_path / "c")
    (tmp_path / "din.mkv").unlink()
    (failure,) = draw_previews(corpus, tmp_path / "out").failures
    assert failure.recording_id == "din" and failure.cure


def test_unknown_ids_are_all_named(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        draw_previews(corpus, tmp_path, utterance_ids=["din_1_2", "din_200_1200", "din_3_4"])
    assert "din_1_2" in caught.value.what and "din_3_4" in caught.value.what and "din_200_1200" not in caught.value.what
    with pytest.raises(CorpusError, match="supper"):
        draw_previews(corpus, tmp_path, recording_ids=["supper"])
    with pytest.raises(CorpusError, match="no utterances"):
        draw_previews(Corpus.create(tmp_path / "empty"), tmp_path)


def test_what_no_font_shows_becomes_a_box_and_control_characters_vanish() -> None:
    assert printable("Grüße, Ωλ да\n\x07x\U0001f9ff") == "Grüße, Ωλ да x□"


def test_the_command_is_quiet(corpus: Corpus, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sdme_tools.cli.main", "preview", str(corpus.root), "din_2600_3600", "--out"]
    done = subprocess.run([*command, str(tmp_path / "o")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "o" / "din" / "din_2600_3600.png")]
    assert "arning" not in done.stderr and "glyph" not in done.stderr.lower()
