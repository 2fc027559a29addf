"""A participant who is somebody else in one recording is told; rows that are right are left alone."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner

from sdme_tools.backends.fetch import fetch_models
from sdme_tools.backends.weights import FACE_MODELS, IDENTITY_MODELS
from sdme_tools.cli.main import cli
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.records.identity import ParticipantDoubt
from sdme_tools.stages.intake import ingest_files
from sdme_tools.stages.people import PeopleEmbeddings
from sdme_tools.stages.runner import run_stages
from sdme_tools.stages.speaker_links import link_speakers
from sdme_tools.stages.speakers import list_speakers
from sdme_tools.stages.unlike import find_unlike
from tests.unit.stages.speaker_corpus import make_speaker_corpus

RIGHT = {"monday": ("p01", "p02"), "tuesday": ("p02",), "friday": ("p01",)}
WRONG = RIGHT | {"tuesday": ("p01",)}
"""The admiral entered under the astronaut's name."""


@pytest.fixture(scope="module", autouse=True)
def _model_files() -> None:
    fetch_models(IDENTITY_MODELS)


def _link(corpus: Corpus) -> tuple[ParticipantDoubt, ...]:
    return link_speakers(corpus, device="cpu").doubts


def test_right_rows_raise_no_doubt(tmp_path: Path) -> None:
    corpus = make_speaker_corpus(tmp_path / "corpus", RIGHT)
    assert _link(corpus) == ()
    assert list_speakers(corpus).doubts == ()


def test_somebody_elses_name_is_told_by_link_list_and_doctor_until_the_row_is_mended(tmp_path: Path) -> None:
    corpus = make_speaker_corpus(tmp_path / "corpus", WRONG)
    (doubt,) = _link(corpus)
    assert (doubt.participant_id, doubt.recording_ids) == ("p01", ("tuesday",))
    assert set(doubt.elsewhere) == {"monday", "friday"}
    assert doubt.confidence < 0.5 and doubt.face_similarity is not None and doubt.face_similarity < 0.9
    assert doubt.voice_similarity is None  # their voices are silence
    told = CliRunner().invoke(cli, ["speakers", "list", str(corpus.root)])
    assert "p01 looks or sounds like somebody else in tuesday than in" in told.stderr
    assert "recordings.csv" in told.stderr
    checks = json.loads(CliRunner().invoke(cli, ["doctor", str(corpus.root), "--json"]).stdout)
    (check,) = [check for check in checks if check["name"] == "participant p01"]
    assert not check["is_well"] and "tuesday" in check["finding"] and "recordings.csv" in check["cure"]
    row = corpus.recording("tuesday").model_copy(update={"participants": ()})
    corpus.layout.recording("tuesday").write_text(row.model_dump_json())
    assert list_speakers(Corpus.open(corpus.root)).doubts == ()


def test_rows_that_people_found_right_are_doubted_no_more_until_they_change(tmp_path: Path) -> None:
    corpus = make_speaker_corpus(tmp_path / "corpus", WRONG)
    _link(corpus)
    trust = ["speakers", "trust", str(corpus.root)]
    assert "no row of p02 is in doubt" in str(CliRunner().invoke(cli, [*trust, "p02"]).exception)
    trusted = CliRunner().invoke(cli, [*trust, "p01"])
    assert trusted.exit_code == 0 and "p01 is p01 in friday, monday, tuesday" in trusted.stdout
    assert list_speakers(corpus).doubts == () == _link(corpus)
    (seat,) = corpus.recording("tuesday").participants
    changed = corpus.recording("tuesday").model_copy(update={"participants": (seat.model_copy(update={"seat": "2"}),)})
    corpus.layout.recording("tuesday").write_text(changed.model_dump_json())
    assert len(list_speakers(Corpus.open(corpus.root)).doubts) == 1


def test_seats_that_were_swapped_are_told_of_both(tmp_path: Path) -> None:
    seats = {"monday": ("p02", "p01"), "tuesday": ("p02",), "friday": ("p01",)}
    doubts = _link(make_speaker_corpus(tmp_path / "corpus", seats))
    assert [doubt.participant_id for doubt in doubts] == ["p01", "p02"]
    assert all({*doubt.recording_ids, *doubt.elsewhere} >= {"monday"} for doubt in doubts)


def _known(*faces: int | None) -> dict[str, PeopleEmbeddings]:
    """r1, r2, … with p01 in them, whose face is one of a few unit vectors; None = not seen there."""
    rows = [np.full(4, np.nan) if face is None else np.eye(4)[face] for face in faces]
    nobody, nothing = np.full((1, 2), np.nan, np.float32), np.zeros(1, np.int64)
    return {
        f"r{number}": PeopleEmbeddings(("p01",), row[None].astype(np.float32), nobody, nothing, nothing)
        for number, row in enumerate(rows, start=1)
    }


@pytest.mark.parametrize(
    ("faces", "odd"),
    [
        ((0, 0, 0), []),
        ((0, 1, 0), [("r2",)]),
        ((0, 0, 0, 1, 1), [("r4", "r5")]),
        ((0, 1, 2, 0), [("r2",), ("r3",)]),
        ((0, None, 0), []),
        ((0,), []),
        ((), []),
    ],
)
def test_the_recordings_that_agree_are_one_side_and_each_other_face_one_doubt(
    faces: tuple[int | None, ...], odd: list[tuple[str, ...]]
) -> None:
    known = _known(*faces)
    found = find_unlike(known, {"p01": list(known)}, lambda cosine: 20 * (cosine - 0.5), lambda cosine: cosine)
    assert [unlike.recording_ids for unlike in found] == odd
    rest = {name for name, face in zip(known, faces, strict=True) if face is not None} - {n for o in odd for n in o}
    assert all(set(unlike.elsewhere) >= rest for unlike in found)


def _cut(source: Path, path: Path, start_s: float, end_s: float) -> Path:
    """A stretch of a recording as a recording of its own."""
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"crf": "18", "preset": "veryfast"})
        template = container.streams.video[0]
        video.width, video.height, video.pix_fmt = template.width, template.height, "yuv420p"
        sound = out.add_stream("aac", rate=container.streams.audio[0].rate, layout="mono")
        mono = av.AudioResampler(format="fltp", layout="mono")
        heard, number = [], 0
        for frame in container.decode(video=0, audio=0):
            if isinstance(frame, av.AudioFrame):
                heard += [f.to_ndarray()[0] for f in mono.resample(frame)]
            elif start_s <= frame.time < end_s:
                frame.pts, frame.time_base = number, Fraction(1, 25)
                number += 1
                out.mux(video.encode(frame))
        rate = sound.rate
        wave = np.concatenate(heard)[int(start_s * rate) : int(end_s * rate)]
        block = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        block.sample_rate = rate
        out.mux([*video.encode(None), *sound.encode(block), *sound.encode(None)])
    return path


@pytest.mark.slow
def test_swapped_seats_of_real_people_are_told_by_face_and_voice(shared_data: Path, tmp_path: Path) -> None:
    """One real talk in two parts, which are two recordings of the same two people."""
    fetch_models(FACE_MODELS)
    source = shared_data / "interactions" / "dyad_d.mp4"
    files = [_cut(source, tmp_path / "one.mp4", 0, 4.0), _cut(source, tmp_path / "two.mp4", 4.0, 11.3)]
    corpus = Corpus.create(tmp_path / "corpus")
    corpus.layout.participants.write_text("participant_id,consent\np01,public\np02,public\n")
    found = []
    for seats in (("left", "right"), ("right", "left")):
        rows = "".join(f"two.mp4,{who},{seat}\n" for who, seat in zip(("p01", "p02"), seats, strict=True))
        sheet = "file,participant_id,seat\none.mp4,p01,left\none.mp4,p02,right\n"
        corpus.layout.seats.write_text(sheet + rows)
        ingest_files(corpus, files)
        run_stages(corpus, stage_names=("segment", "faces", "speaking", "bind"), jobs=1, device="cpu")
        found.append(_link(corpus))
    right, swapped = found
    assert right == ()
    assert [doubt.participant_id for doubt in swapped] == ["p01", "p02"]
    first, second = swapped
    for doubt in swapped:  # p02 is heard in one of the recordings only
        assert doubt.face_similarity is not None and doubt.face_similarity < 0.9
    assert first.voice_similarity is not None and first.voice_similarity < 0.7
    assert second.voice_similarity is None
