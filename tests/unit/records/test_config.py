"""corpus.toml: every default visible, nothing lost between file and record."""

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from sdme_tools.records.config import CorpusConfig, CorpusSection, ReleaseSection
from sdme_tools.records.corpus_toml import anchor_paths, render_corpus_toml
from sdme_tools.records.stage_config import SegmentSection


def test_the_written_file_reads_back_as_the_same_settings() -> None:
    config = CorpusConfig(corpus=CorpusSection(name="étude"[1:], labels=('say "hi"', "back\\slash", "日本")))
    assert CorpusConfig.model_validate(tomllib.loads(render_corpus_toml(config))) == config


def test_every_setting_is_visible_and_has_a_comment() -> None:
    lines = render_corpus_toml(CorpusConfig()).splitlines()
    for section in CorpusConfig.model_fields:
        assert f"[{section}]" in lines
        for setting, field in type(getattr(CorpusConfig(), section)).model_fields.items():
            at = next(
                i for i, line in enumerate(lines) if line.startswith(f"{setting} = ") and lines[i - 1][:2] == "# "
            )
            assert at and field.description, f"{section}.{setting} needs a description"


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (CorpusSection, {"labels": ("joy",)}),
        (CorpusSection, {"labels": ("joy", "joy")}),
        (CorpusSection, {"labels": ("joy", "cannot tell")}),
        (CorpusSection, {"labels": ("joy", " anger")}),
        (SegmentSection, {"min_utterance_ms": 2000, "max_utterance_ms": 1000}),
        (SegmentSection, {"treshold": 0.5}),
        (SegmentSection, {"threshold": 1.5}),
        (ReleaseSection, {"splits": {"train": 0.7, "test": 0.2}}),
        (ReleaseSection, {"scope": "none"}),
        (ReleaseSection, {"group_by": ("recording",)}),
    ],
)
def test_impossible_settings_are_refused(section: type, values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        section(**values)


def test_relative_model_paths_belong_to_the_corpus_folder(tmp_path: Path) -> None:
    config = CorpusConfig.model_validate({"transcribe": {"model": "./tiny.pt"}, "faces": {"detector_model": "/a/b"}})
    anchored = anchor_paths(config, tmp_path)
    assert anchored.transcribe.model == str(tmp_path / "tiny.pt")
    assert anchored.faces.detector_model == "/a/b"
    assert anchor_paths(CorpusConfig(), tmp_path).transcribe.model == CorpusConfig().transcribe.model
