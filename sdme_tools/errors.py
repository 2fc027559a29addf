"""The errors of sdme_tools: one tree, each leaf one kind of trouble that a user can cure.

    SdmeError
      ConfigError      corpus.toml, a CSV beside it, or a flag says something impossible
      MediaError       a recording cannot be read, or a clip cannot be written
      BackendError     a model, its weights or its package is missing or refuses the work
      CorpusError      a file of the corpus folder is missing, damaged, or held by another process
      AnnotationError  votes, rounds or labels contradict the corpus
      ReleaseError     a release cannot be built, or does not match its manifest
      TrainingError    a feature table or checkpoint cannot be used

Everything else that is raised is a bug, and is meant to look like one.
"""

from collections.abc import Iterable


class SdmeError(Exception):
    """What is wrong, naming the file or id, what was got and what was expected, and how to cure it."""

    def __init__(self, what: str, *, cure: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.what}\n  cure: {self.cure}" if self.cure else self.what

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword arguments do not survive the default pickling, and errors cross process borders.
        return _rebuild, (type(self), self.what, self.cure)


def _rebuild(kind: type[SdmeError], what: str, cure: str | None) -> SdmeError:
    return kind(what, cure=cure)


class ConfigError(SdmeError):
    """corpus.toml, a CSV beside it, or a flag says something impossible."""


class MediaError(SdmeError):
    """A recording cannot be read, or a clip cannot be written."""


class BackendError(SdmeError):
    """A model, its weights or its package is missing, or refuses the work."""


class CorpusError(SdmeError):
    """A file of the corpus folder is missing, damaged, or held by another process."""


class AnnotationError(SdmeError):
    """Votes, rounds or labels contradict the corpus."""


class ReleaseError(SdmeError):
    """A release cannot be built, or does not match its manifest."""


class TrainingError(SdmeError):
    """A feature table or checkpoint cannot be used."""


def raise_together(kind: type[SdmeError], heading: str, problems: Iterable[str], *, cure: str | None = None) -> None:
    """Raise one error that lists every problem found, or return if there is none.

    People mend a file once, not once per line: validators collect everything wrong and call this at the end.
    """
    found = list(problems)
    if found:
        shown = "".join(f"\n  - {problem}" for problem in found[:50])
        rest = f"\n  … and {len(found) - 50} more" if len(found) > 50 else ""
        raise kind(f"{heading}{shown}{rest}", cure=cure)
