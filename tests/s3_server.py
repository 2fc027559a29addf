"""A local S3 for tests: moto's server, in an environment of its own, because its botocore needs an older dateutil."""

import hashlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from platformdirs import user_cache_path

_WANTED = "moto[server]==5.2.5"


def install_s3() -> Path:
    """Make the environment once, in the user's cache; return its server program."""
    folder = user_cache_path("sdme_tools", appauthor=False) / f"moto-{hashlib.sha256(_WANTED.encode()).hexdigest()[:8]}"
    program = folder / "bin" / "moto_server"
    if not program.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        python = folder / "bin" / "python"
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, _WANTED], check=True)
    return program


@contextmanager
def serving_s3() -> Iterator[str]:
    """Run it on loopback; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [install_s3(), "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{url}/moto-api/", timeout=2)
                break
            except httpx.HTTPError:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)
