"""`sdme models fetch transformers:…` from a hub that runs here: what is taken, and what is told."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

FILES = {
    "config.json": b'{"model_type": "wav2vec2"}',
    "preprocessor_config.json": b"{}",
    "model.safetensors": b"tensors",
    "pytorch_model.bin": b"pickle",
    "onnx/model.json": b"elsewhere",
    "README.md": b"words",
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers the few questions that huggingface_hub asks."""

    files: dict[str, bytes] = FILES

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/lab/voice/tree/"):
            listed = [
                {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                for name, content in self.files.items()
            ]
            self.answer(json.dumps(listed).encode())
        elif path.startswith("/api/models/lab/voice"):
            siblings = [{"rfilename": name} for name in self.files]
            self.answer(json.dumps({"id": "lab/voice", "sha": COMMIT, "siblings": siblings}).encode())
        else:
            self.answer(self.files[path.partition(f"/resolve/{COMMIT}/")[2]])

    do_HEAD = do_GET  # noqa: N815 - http.server looks for this name

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def fetch(tmp_path: Path, endpoint: str, name: str) -> "subprocess.CompletedProcess[str]":
    command = f"from sdme_tools.backends.fetch_hub import fetch_transformers; print(fetch_transformers({name!r}))"
    variables = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    variables |= {"SDME_MODELS_DIR": str(tmp_path), "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf")}
    variables |= {"HF_HUB_DISABLE_XET": "1"}
    return subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False, env=variables)


@pytest.mark.parametrize("has_safetensors", [True, False])
def test_what_a_model_needs_is_fetched_once(
    tmp_path: Path, hub: str, has_safetensors: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_safetensors:
        monkeypatch.setattr(Hub, "files", {k: v for k, v in FILES.items() if k != "model.safetensors"})
    done = fetch(tmp_path, hub, "lab/voice@main")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "transformers" / "lab--voice" / "main"
    weights = "model.safetensors" if has_safetensors else "pytorch_model.bin"
    assert {path.name for path in folder.iterdir()} == {"config.json", "preprocessor_config.json", weights}
    assert (folder / weights).read_bytes() == FILES[weights]
    assert fetch(tmp_path, "http://127.0.0.1:9", "lab/voice@main").stdout.strip() == "[]"


def test_a_name_without_revision_and_a_repository_without_model_are_told(
    tmp_path: Path, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "names no revision" in fetch(tmp_path, hub, "lab/voice").stderr
    monkeypatch.setattr(Hub, "files", {"README.md": b"words"})
    assert "holds no config.json" in fetch(tmp_path, hub, "lab/voice@main").stderr
    assert not (tmp_path / "transformers" / "lab--voice" / "main").exists()
