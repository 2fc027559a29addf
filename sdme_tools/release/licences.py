"""Names of licences that catalogues know: Hugging Face and CITATION.cff both refuse others."""

_KNOWN = (
    "Apache-2.0", "CC-BY-4.0", "CC-BY-NC-4.0", "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-SA-4.0",
    "CC0-1.0", "CDLA-Permissive-2.0", "MIT", "ODbL-1.0", "PDDL-1.0",
)  # fmt: skip


def find_spdx(licence: str) -> str | None:
    """The SPDX identifier that a text names, None where it names none of those above."""
    return next((name for name in _KNOWN if name.casefold() == licence.strip().casefold()), None)
