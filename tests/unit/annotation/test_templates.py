"""Templates: every shipped one is sound in any language; every fault that would cost votes is named."""

from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from label_studio_sdk.label_interface import LabelInterface

from sdme_tools.annotation.assign import make_task_key
from sdme_tools.annotation.tasks import build_task
from sdme_tools.annotation.template_lint import lint_template
from sdme_tools.annotation.templates import (
    Questionnaire,
    RenderedTemplate,
    default_template,
    find_template,
    make_questionnaire,
    render_template,
)
from sdme_tools.errors import AnnotationError, ConfigError
from sdme_tools.records.annotation import Assignment, Condition, Item, Round, TaskRole
from sdme_tools.records.annotation_config import AnnotateSection
from sdme_tools.records.config import DEFAULT_LABELS

HOSTILE = ("<b>\"Wut\" & 'Zorn'</b><script>alert(1)</script>", "فرح 😀", "{{ 7 * 7 }} {% raw %}", "日本\u202e語")
TEXTS = (*HOSTILE, "</View><!--", "]]>", "x" * 10_000, "$video")


def make(settings: AnnotateSection | None = None, labels: tuple[str, ...] = DEFAULT_LABELS) -> Questionnaire:
    return make_questionnaire(labels, "cannot tell", settings or AnnotateSection())


def render(condition: Condition, questionnaire: Questionnaire, template: str | None = None) -> RenderedTemplate:
    return render_template(find_template(template or default_template(condition)), questionnaire, condition)


def choices(rendered: RenderedTemplate, name: str) -> list[Element]:
    return list(fromstring(rendered.label_config).find(f".//Choices[@name='{name}']"))


@pytest.mark.parametrize("condition", Condition)
@pytest.mark.parametrize("template", [None, "adjudication"])
def test_every_shipped_template_is_sound_for_hostile_words(condition: Condition, template: str | None) -> None:
    words = dict(zip(("anger", "happiness", "sadness", "cannot tell"), HOSTILE, strict=True))
    settings = AnnotateSection(
        display=words, question=HOSTILE[0], confidence=HOSTILE, reasons={"a": HOSTILE[1], "b": HOSTILE[0]}
    )
    questionnaire = make(settings)
    rendered = render(condition, questionnaire, template)
    assert lint_template(rendered, questionnaire, condition) == []
    options = choices(rendered, "label")
    assert [o.get("alias") for o in options] == [*DEFAULT_LABELS, "cannot tell"]
    assert [o.get("value") for o in options] == [words.get(name, name) for name in (*DEFAULT_LABELS, "cannot tell")]
    assert [float(o.get("alias") or "") for o in choices(rendered, "confidence")] == pytest.approx(
        [0, 1 / 3, 2 / 3, 1], abs=1e-3
    )
    assert [o.get("alias") for o in choices(rendered, "reason")] == ["a", "b"]
    assert "<script" not in rendered.guidelines
    LabelInterface(rendered.label_config).validate()  # what the tool's own library says


def test_all_keys_of_a_template_are_different_up_to_eighteen_labels() -> None:
    questionnaire = make(labels=tuple(f"l{n}" for n in range(18)))
    assert lint_template(render(Condition.FULL, questionnaire), questionnaire, Condition.FULL) == []
    with pytest.raises(AnnotationError, match="19 labels, but only 18 keys"):
        make(labels=tuple(f"l{n}" for n in range(19)))


def test_confidence_may_be_left_out() -> None:
    questionnaire = make(AnnotateSection(confidence=()))
    rendered = render(Condition.TEXT, questionnaire)
    assert lint_template(rendered, questionnaire, Condition.TEXT) == []
    assert "confidence" not in rendered.label_config


FAULTS = [
    ('<Choice value="fear" alias="fear" hotkey="6"/>', "", "label: 'fear' is missing"),
    ('alias="fear"', 'alias="dread"', "label: stores 'dread'"),
    (
        '<Choice value="fear" alias="fear" hotkey="6"/>',
        '<Choice value="fear" alias="sadness" hotkey="6"/>',
        "'sadness' stands there twice",
    ),
    ('hotkey="6"', 'hotkey="5"', "'fear' and 'surprise' have the same hotkey 5"),
    ('hotkey="6"', 'hotkey="u"', "'fear': the hotkey u is the tool's own"),
    ('hotkey="6"', 'hotkey="ctrl+enter"', "the hotkey ctrl+enter is the tool's own"),
    (' hotkey="6"', "", "'fear' has no hotkey"),
    ('value="$video"', 'value="$clip"', "uses $clip, which tasks of condition full lack"),
    (
        '<Video name="clip" value="$video" height="420"/>',
        '<Audio name="clip" value="$video"/>',
        "Audio shows $video, expected Video",
    ),
    ('<Video name="clip"', '<Video muted="true" name="clip"', "Video is muted"),
    ('<Text name="words" value="$text"', '<HyperText name="words" value="$text"', "HyperText shows $text as markup"),
    ('<Text name="words"', '<Text valueType="url" name="words"', "Text must show the words themselves"),
    ('value="$text"', 'value="none"', "$text is shown nowhere"),
    ('required="true" requiredMessage="Which', 'requiredMessage="Which', "label: must have required='true'"),
    (
        'toName="clip" choice="single" required="true" requiredMessage="Which',
        'toName="film" choice="single" required="true" requiredMessage="Which',
        "belongs to 'film'",
    ),
    ('choice="single"', 'choice="multiple"', "label: choice='multiple'"),
    (
        'visibleWhen="choice-selected" whenTagName="label" whenChoiceValue="cannot tell">\n    <Choice',
        ">\n    <Choice",
        "reason: must be asked of those alone who cannot tell",
    ),
    ('<Choices name="confidence"', '<Choices name="sureness"', "0 Choices are named 'confidence'"),
    ("</View>\n</View>", "</View>", "not well-formed"),
    ("<View>\n  <Video", '<!DOCTYPE x [<!ENTITY a "b">]><View>\n  <Video', "declares a document type"),
    ("<View>\n  <Video", '<View><Rating name="stars" toName="clip"/>\n  <Video', "its hotkey cycles"),
]


@pytest.mark.parametrize(("old", "new", "fault"), FAULTS)
def test_every_fault_is_named(old: str, new: str, fault: str) -> None:
    questionnaire = make()
    rendered = render(Condition.FULL, questionnaire)
    config = rendered.label_config
    if "well-formed" in fault:
        broken = config.rstrip().removesuffix("</View>")
    else:
        assert old in config
        broken = config.replace(old, new, 1)
    found = lint_template(RenderedTemplate(broken, rendered.guidelines), questionnaire, Condition.FULL)
    assert any(fault in text for text in found), found


def test_guidelines_must_mention_every_label() -> None:
    questionnaire = make()
    rendered = render(Condition.FULL, questionnaire)
    found = lint_template(RenderedTemplate(rendered.label_config, "Be honest."), questionnaire, Condition.FULL)
    assert len(found) == 8
    assert lint_template(RenderedTemplate(rendered.label_config, " "), questionnaire, Condition.FULL)


def test_a_template_of_a_condition_shows_nothing_that_another_hides() -> None:
    questionnaire = make()
    full = render(Condition.FULL, questionnaire)
    found = lint_template(full, questionnaire, Condition.VIDEO)
    assert any("uses $text, which tasks of condition video lack" in fault for fault in found)


def write_own(folder: Path, config: str) -> Path:
    folder.mkdir()
    (folder / "label_config.xml.j2").write_text(config)
    (folder / "guidelines.md").write_text('{% include "rules.md.j2" %}')
    return folder


def test_a_template_of_ones_own_may_use_the_shipped_parts(tmp_path: Path) -> None:
    own = write_own(
        tmp_path / "own",
        '{% set shown = "clip" %}<View><Audio name="clip" value="$audio"/>{% include "answers.xml.j2" %}</View>',
    )
    questionnaire = make()
    rendered = render_template(find_template(own), questionnaire, Condition.VOICE)
    assert lint_template(rendered, questionnaire, Condition.VOICE) == []


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ("<View>{{ nonsense }}</View>", "nonsense"),
        ("<View>{% if %}</View>", "label_config.xml.j2, line 1"),
        ('{% include "nothing.j2" %}', "includes nothing.j2"),
        ("{{ question.__class__.__mro__ }}", "unsafe"),
        ('{% include "/etc/passwd" %}', "includes /etc/passwd"),
    ],
)
def test_a_broken_template_is_named_with_its_line(tmp_path: Path, config: str, what: str) -> None:
    with pytest.raises(AnnotationError, match=what):
        render_template(find_template(write_own(tmp_path / "own", config)), make(), Condition.FULL)


def test_an_unknown_template_names_those_that_there_are() -> None:
    with pytest.raises(AnnotationError, match="adjudication, emotion_full, emotion_text, emotion_video, emotion_voice"):
        find_template("emotion_smell")


@pytest.mark.parametrize("text", TEXTS)
def test_words_reach_the_tool_as_they_are(text: str) -> None:
    campaign = Round(round_id="r", labels=("a", "b"), cannot_tell="c", origin="label_studio")
    item = Item(item_id="u_text", round_id="r", utterance_id="u", condition=Condition.TEXT, text=text)
    key = make_task_key("r", "u_text", "r1", 0)
    task = Assignment(task_key=key, round_id="r", item_id="u_text", rater_id="r1", role=TaskRole.GOLD, order=0)
    assert build_task(campaign, item, task) == {"task_key": key, "text": text}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('display = { joy = "Freude" }', "which are no labels of this corpus"),
        ('display = { anger = "fear" }', "words of its own"),
        ('confidence = ["sure"]', "at least two answers"),
        ('reasons = { a = "x", b = "x" }', "must be distinct"),
        ("gold_rate = 0.5", "gold_rate"),
    ],
)
def test_impossible_settings_are_refused(tmp_path: Path, line: str, what: str) -> None:
    from sdme_tools.corpus.corpus import Corpus

    corpus = Corpus.create(tmp_path / "c")
    key = line.partition(" ")[0]
    lines = corpus.layout.config.read_text().splitlines()
    corpus.layout.config.write_text("\n".join(line if old.startswith(f"{key} =") else old for old in lines))
    with pytest.raises(ConfigError, match=what):
        Corpus.open(tmp_path / "c")


def test_the_written_settings_are_read_again(tmp_path: Path) -> None:
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.records.config import CorpusConfig
    from sdme_tools.records.corpus_toml import render_corpus_toml

    corpus = Corpus.create(tmp_path / "c")
    section = AnnotateSection(display={"cannot tell": "weiß nicht", "anger": 'Wut "groß"'})
    config = CorpusConfig(annotate=section)
    corpus.layout.config.write_text(render_corpus_toml(config))
    assert Corpus.open(tmp_path / "c").config.annotate == section
