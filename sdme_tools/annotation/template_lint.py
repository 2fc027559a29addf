"""Faults of a template that would cost votes, found before anybody votes: the tool itself lets most of them pass."""

import re
from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from markupsafe import escape

from sdme_tools.annotation.tasks import (
    ANSWER_CONFIDENCE,
    ANSWER_LABEL,
    ANSWER_REASON,
    MEDIA_KEYS,
    TEXT_CONDITIONS,
    data_keys,
)
from sdme_tools.annotation.templates import (
    Questionnaire,
    RenderedTemplate,
    default_template,
    find_template,
    make_questionnaire,
    render_template,
)
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Condition
from sdme_tools.records.config import CorpusConfig

_PLAIN_KEYS = ("u", "escape", "backspace", "delete", "enter", "left", "right", "up", "down", "tab", "space")
_ALT_KEYS = ("alt+a", "alt+d", "alt+left", "alt+right", "alt+.", "alt+r", "alt+h", "alt+l", "alt+m")
_CTRL_KEYS = ("enter", "space", "alt+space", "right", "left", "z", "shift+z", "b", "d", "p", "h", "backspace")
RESERVED_HOTKEYS = frozenset((*_PLAIN_KEYS, *_ALT_KEYS, *(f"ctrl+{key}" for key in _CTRL_KEYS)))
"""Keys by which Label Studio itself submits, plays, moves and unselects.

Source: web/libs/editor/src/core/settings/keymap.json of Label Studio."""

_MEDIA_TAGS = {"video": "Video", "audio": "Audio"}
_OBJECT_TAGS = ("Video", "Audio", "Text", "Image", "HyperText", "Paragraphs", "Table", "List", "TimeSeries", "Pdf")
_MARKUP_TAGS = ("HyperText", "Markdown", "RichText")
_ANSWERS = (ANSWER_LABEL, ANSWER_CONFIDENCE, ANSWER_REASON)
_DATA_KEY = re.compile(r"\$(\w+)")


def render_templates(
    config: CorpusConfig, conditions: Sequence[Condition], template: str | None
) -> dict[Condition, RenderedTemplate]:
    """Fill in the template of each condition, and accept none that has a fault.

    Args:
        config: Names the labels and what raters read.
        conditions: What raters are shown.
        template: Name or folder; None = the one of each condition.

    Raises:
        AnnotationError: there is no such template, or it has faults; lists them all.
    """
    questionnaire = make_questionnaire(config.corpus.labels, config.corpus.cannot_tell, config.annotate)
    rendered = {}
    problems: list[str] = []
    for condition in conditions:
        folder = find_template(template or default_template(condition))
        rendered[condition] = render_template(folder, questionnaire, condition)
        faults = lint_template(rendered[condition], questionnaire, condition)
        problems += [f"{folder.name}, condition {condition.value}: {fault}" for fault in faults]
    raise_together(AnnotationError, "the template cannot be used:", problems, cure="mend the template, or [annotate]")
    return rendered


def lint_template(rendered: RenderedTemplate, questionnaire: Questionnaire, condition: Condition) -> list[str]:
    """Name everything wrong with a rendered template; nothing where it is sound."""
    try:
        root: Element = fromstring(rendered.label_config, forbid_dtd=True)
    except ParseError as error:
        return [f"label_config.xml is not well-formed XML: {error}"]
    except DefusedXmlException as error:
        return [f"label_config.xml declares a document type or an entity, which is never read: {error}"]
    answers = {name: [c for c in root.iter("Choices") if c.get("name") == name] for name in _ANSWERS}
    return [
        *_find_shape_faults(root),
        *_find_label_faults(answers[ANSWER_LABEL], questionnaire),
        *_find_confidence_faults(answers[ANSWER_CONFIDENCE], questionnaire),
        *_find_reason_faults(answers[ANSWER_REASON], questionnaire),
        *_find_hotkey_faults(root),
        *_find_data_faults(root, condition),
        *_find_guideline_faults(rendered.guidelines, questionnaire),
    ]


def _find_shape_faults(root: Element) -> Iterator[str]:
    if root.tag != "View":
        yield f"the outermost tag is {root.tag}, expected View"
    objects = {element.get("name") for element in root.iter() if element.tag in _OBJECT_TAGS}
    for element in root.iter():
        name, target = element.get("name"), element.get("toName")
        if target is None:
            continue
        if target not in objects:
            yield f"{element.tag} {name!r} belongs to {target!r}, which no object is called"
        if element.tag == "Rating":
            yield f"Rating {name!r}: its hotkey cycles through the values; ask with Choices, one hotkey each"
        elif element.tag != "Choices" or name not in _ANSWERS:
            yield f"{element.tag} {name!r}: answers of that name are not collected; there are {', '.join(_ANSWERS)}"


def _find_label_faults(found: Sequence[Element], questionnaire: Questionnaire) -> Iterator[str]:
    if len(found) != 1:
        yield f"{len(found)} Choices are named {ANSWER_LABEL!r}, expected one"
        return
    yield from _find_single_choice_faults(found[0])
    if found[0].get("visibleWhen") or found[0].get("perRegion"):
        yield f"{ANSWER_LABEL}: must always be asked, of the whole clip"
    expected = [option.stored for option in questionnaire.labels]
    yield from _find_option_faults(found[0], expected)
    if "," in questionnaire.cannot_tell.stored:
        yield (
            f"corpus.toml calls 'cannot tell' {questionnaire.cannot_tell.stored!r}: with a comma in it the question "
            "for the reason would never be asked"
        )


def _find_confidence_faults(found: Sequence[Element], questionnaire: Questionnaire) -> Iterator[str]:
    if len(found) != (1 if questionnaire.confidence else 0):
        wanted = "one" if questionnaire.confidence else "none, since [annotate] confidence is empty"
        yield f"{len(found)} Choices are named {ANSWER_CONFIDENCE!r}, expected {wanted}"
    for choices in found:
        yield from _find_single_choice_faults(choices)
        yield from _find_option_faults(choices, [option.stored for option in questionnaire.confidence])
        hidden_then = ("choice-unselected", ANSWER_LABEL, questionnaire.cannot_tell.stored)
        if choices.get("visibleWhen") and _condition_of(choices) != hidden_then:
            yield f"{ANSWER_CONFIDENCE}: may be hidden only from those who cannot tell"


def _find_reason_faults(found: Sequence[Element], questionnaire: Questionnaire) -> Iterator[str]:
    if len(found) != 1:
        yield f"{len(found)} Choices are named {ANSWER_REASON!r}, expected one: who cannot tell says why"
    for choices in found:
        yield from _find_single_choice_faults(choices)
        yield from _find_option_faults(choices, [option.stored for option in questionnaire.reasons])
        if _condition_of(choices) != ("choice-selected", ANSWER_LABEL, questionnaire.cannot_tell.stored):
            yield (
                f"{ANSWER_REASON}: must be asked of those alone who cannot tell: visibleWhen='choice-selected' "
                f"whenTagName={ANSWER_LABEL!r} whenChoiceValue={questionnaire.cannot_tell.stored!r}"
            )


def _condition_of(choices: Element) -> tuple[str | None, str | None, str | None]:
    return choices.get("visibleWhen"), choices.get("whenTagName"), choices.get("whenChoiceValue")


def _find_single_choice_faults(choices: Element) -> Iterator[str]:
    name = choices.get("name")
    if choices.get("choice", "single") not in ("single", "single-radio"):
        yield f"{name}: choice={choices.get('choice')!r}, expected 'single'"
    if choices.get("required") != "true":
        yield f"{name}: must have required='true', or clips are submitted without an answer"
    if choices.get("layout") == "select":
        yield f"{name}: a drop-down list cannot be answered by hotkeys"


def _find_option_faults(choices: Element, expected: Sequence[str]) -> Iterator[str]:
    """Whether stored values are those expected, in their order, and what raters read tells them apart."""
    name = choices.get("name")
    options = list(choices.iter("Choice"))
    stored = [option.get("alias") or option.get("value") or "" for option in options]
    missing = [value for value in expected if value not in stored]
    foreign = [value for value in stored if value not in expected]
    doubled = sorted({value for value in stored if stored.count(value) > 1})
    yield from (f"{name}: {value!r} is missing" for value in missing)
    yield from (f"{name}: stores {value!r}, which is none of {', '.join(expected)}" for value in foreign)
    yield from (f"{name}: {value!r} stands there twice" for value in doubled)
    if not (missing or foreign or doubled) and stored != list(expected):
        yield f"{name}: stands in the order {', '.join(stored)}, expected {', '.join(expected)}"
    shown = [option.get("value") or "" for option in options]
    yield from (f"{name}: raters read {text!r} twice" for text in sorted({t for t in shown if shown.count(t) > 1}))


def _find_hotkey_faults(root: Element) -> Iterator[str]:
    seen: dict[str, str] = {}
    for option in root.iter("Choice"):
        name, key = option.get("alias") or option.get("value") or "", (option.get("hotkey") or "").lower()
        if not key:
            yield f"{name!r} has no hotkey"
            continue
        if key in RESERVED_HOTKEYS:
            yield f"{name!r}: the hotkey {key} is the tool's own"
        if key in seen:
            yield f"{name!r} and {seen[key]!r} have the same hotkey {key}"
        seen.setdefault(key, name)


def _find_data_faults(root: Element, condition: Condition) -> Iterator[str]:
    """Whether everything that the condition shows is shown, as it should be, and nothing else."""
    known = data_keys(condition)
    used: set[str] = set()
    for element in root.iter():
        keys = {key for value in element.attrib.values() for key in _DATA_KEY.findall(value)}
        used |= keys
        for key in sorted(keys - set(known)):
            yield f"{element.tag} uses ${key}, which tasks of condition {condition.value} lack: {', '.join(known)}"
        if element.tag in _MARKUP_TAGS and keys:
            yield f"{element.tag} shows ${min(keys)} as markup: a transcript is text, show it with Text"
        if element.tag == "Text" and (element.get("valueType", "text") != "text" or element.get("encoding")):
            yield "Text must show the words themselves: no valueType, no encoding"
        if element.get("muted") is not None:
            yield f"{element.tag} is muted: whoever turns the sound on hears it; video clips have none anyway"
        for media_key, tag in _MEDIA_TAGS.items():
            if media_key in keys and element.tag != tag:
                yield f"{element.tag} shows ${media_key}, expected {tag}"
    wanted = [MEDIA_KEYS[condition]] if condition in MEDIA_KEYS else []
    wanted += ["text"] if condition in TEXT_CONDITIONS else []
    yield from (
        f"${key} is shown nowhere, but condition {condition.value} shows it" for key in wanted if key not in used
    )


def _find_guideline_faults(guidelines: str, questionnaire: Questionnaire) -> Iterator[str]:
    if not guidelines.strip():
        yield "guidelines.md is empty"
        return
    for option in questionnaire.labels:
        if option.shown not in guidelines and str(escape(option.shown)) not in guidelines:
            yield f"guidelines.md does not mention {option.shown!r}"
