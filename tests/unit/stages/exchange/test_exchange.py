"""Every format is read back by somebody else's reader, with times to the millisecond and texts to the letter."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pysubs2
import pytest
from praatio import textgrid
from pympi.Elan import Eaf

from sdme_tools.backends.asr.sidecar import SidecarTranscriber
from sdme_tools.backends.protocols import TranscriptionRequest
from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.table import write_table
from sdme_tools.errors import CorpusError
from sdme_tools.records.stage_config import TranscribeSection
from sdme_tools.records.utterance import Utterance, UtteranceKind
from sdme_tools.records.wording import TranscriptEdit, hash_text
from sdme_tools.stages.exchange.build import FORMATS, export_corpus
from tests.unit.made_corpus import SPANS, TEXTS, make_recorded_corpus

SPEAKERS = ("ann", "bob", None, "ann")
EDITED = "good evening & <all>\x0b"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The first text is corrected, the third utterance is a voice of nobody known, the fourth a laugh."""
    corpus = make_recorded_corpus(tmp_path_factory.mktemp("made") / "corpus")
    rows = corpus.read("din", Utterance)
    rows[2] = rows[2].model_copy(update={"voice_id": "v2"})
    rows[3] = rows[3].model_copy(update={"kind": UtteranceKind.VOCAL})
    write_table(corpus.layout.table("din", "utterances"), rows)
    edit = TranscriptEdit(utterance_id=rows[0].utterance_id, text=EDITED, based_on=hash_text(TEXTS[0]))
    write_table(corpus.layout.table("din", TABLE_NAMES[TranscriptEdit]), [edit])
    return corpus


def export(corpus: Corpus, folder: Path, form: str) -> Path:
    (file,) = export_corpus(corpus, folder, form).files
    return Path(file)


def test_rttm(corpus: Corpus, tmp_path: Path) -> None:
    from pyannote.database.util import load_rttm

    path = export(corpus, tmp_path, "rttm")
    (annotation,) = load_rttm(path).values()
    turns = sorted((round(s.start * 1000), round(s.end * 1000), who) for s, _, who in annotation.itertracks(True))
    assert turns == [(200, 1200, "ann"), (1400, 2400, "bob"), (2600, 3600, "v2")]
    assert path.read_text().splitlines()[3] == "NON-LEX din 1 3.000 0.900 <NA> other ann <NA> <NA>"


def test_webvtt(corpus: Corpus, tmp_path: Path) -> None:
    path = export(corpus, tmp_path, "vtt")
    events = pysubs2.load(str(path)).events
    assert [(e.start, e.end) for e in events] == [SPANS[0], SPANS[2], SPANS[3]]
    assert "<v ann>good evening &amp; &lt;all&gt;\n" in path.read_text(encoding="utf-8")


def test_an_exported_webvtt_comes_back_through_the_sidecar(corpus: Corpus, tmp_path: Path) -> None:
    path = export(corpus, tmp_path, "vtt")
    transcriber = SidecarTranscriber(TranscribeSection(backend="sidecar"), "cpu")
    import numpy as np

    utterances = corpus.read("din", Utterance)
    requests = [
        TranscriptionRequest(u.utterance_id, path.with_suffix(".mp4"), u.span, np.zeros(16, np.float32))
        for u in utterances
    ]
    texts = [transcript.text for transcript in transcriber.transcribe(requests)]
    assert texts == ["good evening & <all>", "", *(" ".join(text.split()) for text in TEXTS[2:])]


def test_textgrid(corpus: Corpus, tmp_path: Path) -> None:
    grid = textgrid.openTextgrid(str(export(corpus, tmp_path, "textgrid")), includeEmptyIntervals=False)
    said = {
        name: [(round(s * 1000), round(e * 1000), t) for s, e, t in grid.getTier(name).entries]
        for name in grid.tierNames
    }
    assert said["ann utterances"] == [(200, 1200, "good evening & <all>"), (3000, 3900, TEXTS[3])]
    assert said["bob utterances"] == [(1400, 2400, "[no words]")]
    assert said["v2 utterances"] == [(2600, 3600, TEXTS[2])]
    assert [text for _, _, text in said["v2 words"]] == TEXTS[2].split()
    assert " ".join(text for _, _, text in said["ann words"][:3]).startswith("good evening")
    assert grid.maxTimestamp == pytest.approx(corpus.recording("din").duration_ms / 1000)


def test_elan(corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er"
    path = export(corpus, folder, "elan")
    eaf = Eaf(str(path))
    (media,) = eaf.get_linked_files()
    assert (folder / media["RELATIVE_MEDIA_URL"]).resolve() == corpus.source_path(corpus.recording("din")).resolve()
    assert media["MEDIA_URL"].startswith("..")
    assert sorted(eaf.get_annotation_data_for_tier("ann")) == [
        (200, 1200, "good evening & <all>"),
        (3000, 3900, TEXTS[3]),
    ]
    assert [a[2] for a in sorted(eaf.get_annotation_data_for_tier("v2 words"))] == TEXTS[2].split()
    assert sorted(a[2] for a in eaf.get_ref_annotation_data_for_tier("ann id")) == ["din_200_1200", "din_3000_3900"]
    _check_against_the_format(ElementTree.parse(path).getroot())


def _check_against_the_format(root: ElementTree.Element) -> None:
    """What EAF 2.8 demands: order of elements, unique ids, no dangling references, rising time slots, nested words."""
    order = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "CONSTRAINT"]
    assert list(dict.fromkeys(child.tag for child in root)) == order
    assert {"AUTHOR", "DATE", "FORMAT", "VERSION"} <= set(root.attrib)
    slots = {slot.attrib["TIME_SLOT_ID"]: int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    types = {kind.attrib["LINGUISTIC_TYPE_ID"]: kind.attrib for kind in root.iter("LINGUISTIC_TYPE")}
    constraints = {c.attrib["STEREOTYPE"] for c in root.iter("CONSTRAINT")}
    assert {a["CONSTRAINTS"] for a in types.values() if "CONSTRAINTS" in a} <= constraints
    tiers = {tier.attrib["TIER_ID"]: tier for tier in root.iter("TIER")}
    aligned = list(root.iter("ALIGNABLE_ANNOTATION"))
    spans = {
        a.attrib["ANNOTATION_ID"]: (slots[a.attrib["TIME_SLOT_REF1"]], slots[a.attrib["TIME_SLOT_REF2"]])
        for a in aligned
    }
    refs = list(root.iter("REF_ANNOTATION"))
    ids = [a.attrib["ANNOTATION_ID"] for a in [*aligned, *refs]]
    assert len(ids) == len(set(ids)) and all(a.attrib["ANNOTATION_REF"] in spans for a in refs)
    for tier in tiers.values():
        parent = tier.attrib.get("PARENT_REF")
        constraint = types[tier.attrib["LINGUISTIC_TYPE_REF"]].get("CONSTRAINTS")
        assert (parent is None) == (constraint is None) and (parent is None or parent in tiers)
        if constraint == "Included_In":
            above = [spans[a.attrib["ANNOTATION_ID"]] for a in tiers[str(parent)].iter("ALIGNABLE_ANNOTATION")]
            for a in tier.iter("ALIGNABLE_ANNOTATION"):
                start, end = spans[a.attrib["ANNOTATION_ID"]]
                assert any(s <= start < end <= e for s, e in above)


def test_csv(corpus: Corpus, tmp_path: Path) -> None:
    content = export(corpus, tmp_path, "csv").read_bytes().decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"), newline="")))
    assert content.startswith("\ufeff") and len(rows) == 4
    assert (rows[0]["text"], rows[0]["text_edited"], rows[0]["speaker_id"]) == (EDITED, "yes", "ann")
    assert (rows[2]["binding_reason"], rows[2]["face_track_id"], rows[2]["voice_id"]) == (
        "several_candidates",
        "",
        "v2",
    )
    assert [row["kind"] for row in rows] == ["speech", "speech", "speech", "vocal"]


@pytest.mark.parametrize("form", FORMATS)
def test_two_of_one_speaker_at_once_and_the_same_bytes(form: str, tmp_path: Path) -> None:
    """The microphones of one person overlap: nothing is lost, and no tier holds two at once."""
    corpus = make_recorded_corpus(tmp_path / "corpus")
    write_table(corpus.layout.table("din", "bindings"), [])
    first = export(corpus, tmp_path / "a" / "x", form).read_bytes()
    assert export(corpus, tmp_path / "b" / "x", form).read_bytes() == first
    if form == "elan":
        eaf: Any = Eaf(str(tmp_path / "a" / "x" / "din.eaf"))
        assert len(eaf.get_annotation_data_for_tier("unknown")) == 3
        assert len(eaf.get_annotation_data_for_tier("unknown 2")) == 1


def test_files_that_are_there_stay_unless_told_otherwise(corpus: Corpus, tmp_path: Path) -> None:
    path = export(corpus, tmp_path, "elan")
    path.write_text("mine")
    with pytest.raises(CorpusError, match=r"din\.eaf"):
        export_corpus(corpus, tmp_path, "elan")
    assert path.read_text() == "mine"
    export_corpus(corpus, tmp_path, "elan", overwrite=True)
    assert path.read_text() != "mine" and [p.name for p in tmp_path.iterdir()] == ["din.eaf"]


def test_nothing_to_write_and_unknown_recordings(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="supper"):
        export_corpus(corpus, tmp_path, "csv", recording_ids=["supper"])
    with pytest.raises(CorpusError, match="no utterances"):
        export_corpus(Corpus.create(tmp_path / "empty"), tmp_path, "csv")


def test_the_command_speaks_json(corpus: Corpus, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sdme_tools.cli.main", "export", str(corpus.root), "--format", "rttm", "--json"]
    done = subprocess.run([*command, "--out", str(tmp_path)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["files"] == [str(tmp_path / "din.rttm")]
