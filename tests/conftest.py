"""What all tests may ask for."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings made by others; not part of the project, so tests that need them skip where they are absent."""
    place = Path(os.environ.get("SDME_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (place / "interactions").is_dir():
        pytest.skip(f"no test data at {place}; set SDME_TEST_DATA to the folder that holds interactions/ and clips/")
    return place
