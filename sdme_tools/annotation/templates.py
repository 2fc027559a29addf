"""Templates of what raters see: found, filled in with the label set, rendered. Values stored and words shown differ.

A template is a folder with label_config.xml.j2 (the tool's layout) and guidelines.md (what raters read first). Both are
Jinja2 with everything escaped that is filled in, in a sandbox, and a name that is not known is an error.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sdme_tools.annotation.tasks import MEDIA_KEYS, TEXT_CONDITIONS
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Condition
from sdme_tools.records.annotation_config import AnnotateSection

CONFIG_TEMPLATE, GUIDELINES_TEMPLATE = "label_config.xml.j2", "guidelines.md"
ADJUDICATION = "adjudication"

_LABEL_KEYS, _CANNOT_TELL_KEY = "123456789qwertyiop", "0"
_CONFIDENCE_KEYS, _REASON_KEYS = "asdfghj", "zxcvbnm"
"""One row of the keyboard for each question; 'u' is left out, because the tool unselects with it."""


@dataclass(frozen=True)
class Option:
    """One answer: what is kept, what raters read, which key chooses it."""

    stored: str
    shown: str
    hotkey: str


@dataclass(frozen=True)
class Questionnaire:
    """Everything that is filled in, apart from the condition."""

    labels: tuple[Option, ...]
    """In class order, 'cannot tell' last."""
    confidence: tuple[Option, ...]
    reasons: tuple[Option, ...]
    settings: AnnotateSection

    @property
    def cannot_tell(self) -> Option:
        """What a rater chooses who cannot tell."""
        return self.labels[-1]


@dataclass(frozen=True)
class RenderedTemplate:
    """A template filled in for one condition."""

    label_config: str
    guidelines: str


def make_questionnaire(labels: Sequence[str], cannot_tell: str, settings: AnnotateSection) -> Questionnaire:
    """Give every answer its words and its key.

    Raises:
        AnnotationError: there are more labels than keys.
    """
    if len(labels) > len(_LABEL_KEYS):
        raise AnnotationError(
            f"{len(labels)} labels, but only {len(_LABEL_KEYS)} keys to choose them by",
            cure="ask for fewer labels; nobody chooses well among so many",
        )
    keys = (*_LABEL_KEYS[: len(labels)], _CANNOT_TELL_KEY)
    names = (*labels, cannot_tell)
    steps = max(1, len(settings.confidence) - 1)
    return Questionnaire(
        labels=tuple(Option(n, settings.display.get(n, n), key) for n, key in zip(names, keys, strict=True)),
        confidence=tuple(
            Option(f"{level / steps:.3g}", shown, _CONFIDENCE_KEYS[level])
            for level, shown in enumerate(settings.confidence)
        ),
        reasons=tuple(
            Option(code, shown, key) for (code, shown), key in zip(settings.reasons.items(), _REASON_KEYS, strict=False)
        ),
        settings=settings,
    )


def find_template(name: str | Path) -> Path:
    """Find the folder of a template: one of those that come with sdme_tools, or a folder of one's own.

    Raises:
        AnnotationError: there is none; names those that come with sdme_tools.
    """
    own, shipped = Path(name), _shipped_templates()
    for folder in (shipped / name, own):
        if all((folder / file).is_file() for file in (CONFIG_TEMPLATE, GUIDELINES_TEMPLATE)):
            return folder
    names = ", ".join(sorted(path.parent.name for path in shipped.glob(f"*/{CONFIG_TEMPLATE}")))
    raise AnnotationError(
        f"no template {str(name)!r}: got neither one of {names} nor a folder with {CONFIG_TEMPLATE} and "
        f"{GUIDELINES_TEMPLATE}",
        cure="name one of these, or copy one and change it",
    )


def _shipped_templates() -> Path:
    """Inside the package where it was installed from a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next(
        path for path in (package / "annotation_templates", package.parent / "annotation_templates") if path.is_dir()
    )


def default_template(condition: Condition) -> str:
    """The template of a condition."""
    return f"emotion_{condition.value}"


def render_template(folder: Path, questionnaire: Questionnaire, condition: Condition) -> RenderedTemplate:
    """Fill a template in.

    Raises:
        AnnotationError: it is no Jinja2, or uses a name that is not given; names file and line.
    """
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader([folder, _shipped_templates()]), autoescape=True, undefined=StrictUndefined
    )
    names = _names(questionnaire, condition)
    rendered = [_render(environment, folder, file, names) for file in (CONFIG_TEMPLATE, GUIDELINES_TEMPLATE)]
    return RenderedTemplate(*(f"{text.strip()}\n" for text in rendered))


def _names(questionnaire: Questionnaire, condition: Condition) -> Mapping[str, object]:
    settings = questionnaire.settings
    return {
        "question": settings.question,
        "labels": questionnaire.labels,
        "cannot_tell": questionnaire.cannot_tell,
        "confidence_question": settings.confidence_question,
        "confidence": questionnaire.confidence,
        "reason_question": settings.reason_question,
        "reasons": questionnaire.reasons,
        "definitions": settings.definitions,
        "condition": condition.value,
        "media_key": MEDIA_KEYS.get(condition),
        "shows_text": condition in TEXT_CONDITIONS,
    }


def _render(environment: ImmutableSandboxedEnvironment, folder: Path, file: str, names: Mapping[str, object]) -> str:
    try:
        return environment.get_template(file).render(names)
    except TemplateNotFound as error:
        what = f"{folder / file}: includes {error.name}, which is not there"
        raise AnnotationError(what, cure="put it into the folder, or take the include out") from error
    except (TemplateError, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", None)
        place = f"{folder / file}, line {line}" if line else str(folder / file)
        raise AnnotationError(
            f"{place}: {error}", cure=f"mend the template; it may use {', '.join(sorted(names))}"
        ) from error


def list_files(rendered: RenderedTemplate, condition: Condition) -> Iterator[tuple[str, str]]:
    """The files that a round keeps of a rendered template: path in the round's folder, and content."""
    yield f"templates/{condition.value}/label_config.xml", rendered.label_config
    yield f"templates/{condition.value}/guidelines.md", rendered.guidelines


def read_rendered(folder: Path, condition: Condition) -> RenderedTemplate:
    """Read what a round keeps of the template of a condition."""
    kept = (folder / name for name, _ in list_files(RenderedTemplate("", ""), condition))
    return RenderedTemplate(*(path.read_text(encoding="utf-8") for path in kept))
