"""How corpus.toml is written for people, and what the paths in it are relative to."""

import re
from collections.abc import Iterator
from pathlib import Path

from sdme_tools.records.base import Record
from sdme_tools.records.config import CorpusConfig

MODEL_PATHS = {
    "diarize": ("folder",),
    "faces": ("detector_model", "landmark_model"),
    "speaking": ("model",),
    "transcribe": ("model",),
    "identity": ("face_model", "face_corner_model", "voice_model"),
}
"""Settings that may name a file or a folder."""


def anchor_paths(config: CorpusConfig, root: Path) -> CorpusConfig:
    """Read relative paths as relative to the corpus folder, wherever the command is typed.

    A plain name without a slash, such as 'turbo', is a model's name and stays.
    """
    sections = {}
    for name, settings in MODEL_PATHS.items():
        section: Record = getattr(config, name)
        values = {setting: getattr(section, setting) for setting in settings}
        anchored = {s: str(root.absolute() / Path(v).expanduser()) for s, v in values.items() if "/" in v}
        sections[name] = section.model_copy(update=anchored)
    return config.model_copy(update=sections)


def render_corpus_toml(config: CorpusConfig) -> str:
    """Write the configuration as TOML with every value visible and its description as a comment."""
    lines = ["# The settings of this corpus. Every value stands here with its default; change it and run `sdme run`:"]
    lines.append("# only the stages that depend on it run again.")
    for name in type(config).model_fields:
        section: Record = getattr(config, name)
        lines += ["", f"# {type(section).__doc__}", f"[{name}]", *_render_section(section)]
    return "\n".join(lines) + "\n"


def _render_section(section: Record) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        yield f"# {field.description}"
        yield f"{name} = {_render_value(getattr(section, name))}"


def _render_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\' else c for c in value)
        return f'"{escaped}"'
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(_render_value(item) for item in value)}]"
    if isinstance(value, dict):
        inner = ", ".join(f"{_render_key(str(key))} = {_render_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return repr(value)


def _render_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _render_value(key)
