"""A local bucket for tests: moto's server in an environment of its own, because it and our pins exclude each other.

The environment lies in the user's cache as Label Studio's does, and stays there. moto refuses whoever brings no
signature, but does not compare signatures; that is for the tests.
"""

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from platformdirs import user_cache_path

_WANTED = ("moto[s3]", "flask", "flask-cors")
_CONSTRAINTS = Path(__file__).with_name("s3_constraints.txt")
"""Exact versions of all that is installed."""
_NO_INDEX = ("failed to fetch", "error sending request", "there are no versions of")
"""How uv says that it reaches no package index; the last when it is told to stay offline."""
_PUT = """
import sys
import boto3
from pathlib import Path
endpoint, bucket, folder, which, prefix = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
s3.create_bucket(Bucket=bucket)
for path in sorted(Path(folder).glob(which)):
    s3.upload_file(str(path), bucket, f"{prefix}/{path.relative_to(folder).as_posix()}")
"""


def install_moto() -> Path:
    """Make the environment if there is none; return its folder of programs. Without a package index, skip."""
    pins = _CONSTRAINTS.read_bytes()
    folder = user_cache_path("sdme_tools", appauthor=False) / f"tests-s3-{hashlib.sha256(pins).hexdigest()[:8]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".ready").exists():
            _make(folder)
            (folder / ".ready").touch()
    return folder / "bin"


def _make(folder: Path) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert uv, "uv is needed to make the environment of the bucket"
    python = str(folder / "bin" / "python")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
    done = subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", python, "--constraint", str(_CONSTRAINTS), *_WANTED],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and any(words in done.stderr.lower() for words in _NO_INDEX):
        pytest.skip("no package index can be reached, from which to install the server of the bucket")
    assert done.returncode == 0, done.stderr


@contextmanager
def serve_bucket(folder: Path, which: str, *, bucket: str, prefix: str, log: Path) -> Iterator[str]:
    """An endpoint with a bucket into which files of a folder were put; keys are of the environment."""
    programs = install_moto()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    endpoint = f"http://127.0.0.1:{port}"
    with log.open("wb") as out:
        moto = subprocess.Popen([programs / "moto_server", "-p", port], stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait(endpoint, moto)
        put_files(endpoint, folder, which, bucket=bucket, prefix=prefix)
        yield endpoint
    finally:
        moto.terminate()
        moto.wait(20)


def put_files(endpoint: str, folder: Path, which: str, *, bucket: str, prefix: str) -> None:
    """Put files of a folder into a bucket, as a lab does."""
    subprocess.run([install_moto() / "python", "-c", _PUT, endpoint, bucket, str(folder), which, prefix], check=True)


def _wait(endpoint: str, moto: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert moto.poll() is None, "the server of the bucket ended by itself"
        with suppress(httpx.HTTPError):
            httpx.get(endpoint, timeout=5)
            return
        time.sleep(0.2)
    raise AssertionError("the server of the bucket does not answer")
