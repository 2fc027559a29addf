"""CITATION.cff: how to cite the release, as corpus.toml says who made it."""

import json

from sdme_tools.records.certificate import Certificate
from sdme_tools.records.config import NOT_STATED
from sdme_tools.release.licences import find_spdx


def render_citation(certificate: Certificate) -> str:
    """Write it in CFF 1.2.0; strings are JSON's, which YAML reads alike."""
    about = certificate.about
    lines = [
        "cff-version: 1.2.0",
        "message: If you use this corpus, please cite it.",
        "type: dataset",
        f"title: {_quote(about.name)}",
        f"version: {_quote(about.version)}",
        f"abstract: {_quote(about.description)}",
        "authors:",
        *(f"  - name: {_quote(name)}" for name in about.creators or (NOT_STATED,)),
    ]
    licence = find_spdx(about.licence)
    lines += [f"license: {licence}"] if licence else []
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
