"""schemas/ is generated, never edited."""

from pathlib import Path

from sdme_tools.records.schema import render_schemas

SCHEMAS = Path(__file__).parents[3] / "schemas"


def test_the_schemas_in_the_repository_are_current() -> None:
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.glob("*.json")}
    assert on_disk == render_schemas(), "run `sdme schema schemas`"
