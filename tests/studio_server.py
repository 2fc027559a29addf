"""A real Label Studio for tests, started once, with real accounts for raters."""

import os
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from sdme_tools.annotation.label_studio import Studio
from sdme_tools.annotation.label_studio_connection import HOME_VARIABLE, Connection, locate_home
from sdme_tools.annotation.server import examine_server, start_server, stop_server

PASSWORD = "a-password-of-tests"
NAMES = {"ada@example.org": "r1", "bo@example.org": "r2"}
"""Addresses of the raters of all tests."""


class Server:
    """A server whose document root is a folder that tests put corpora's served folders into."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home = root, home
        root.mkdir(exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.connection = self.start()

    def start(self) -> Connection:
        return start_server(self.root, port=self.port, home=self.home, talk=lambda text: None).connection

    def kill(self) -> None:
        state = examine_server(self.root, home=self.home)
        assert state.pid is not None
        os.kill(state.pid, signal.SIGKILL)

    def stop(self) -> None:
        stop_server(self.root, home=self.home)

    @property
    def studio(self) -> Studio:
        return Studio(self.connection)

    def sign_up(self, email: str) -> "Rater":
        """Make an account as a rater does: by the invitation's link and the form behind it."""
        link = self.studio.get("/api/invite").json()["invite_url"]
        with httpx.Client(base_url=self.connection.url, follow_redirects=True, timeout=60) as browser:
            browser.get(link)
            token = browser.cookies["csrftoken"]
            form = {"email": email, "password": PASSWORD, "csrfmiddlewaretoken": token}
            browser.post(link, data=form, headers={"Referer": self.connection.url}).raise_for_status()
            key = browser.get("/api/current-user/token").raise_for_status().json()["token"]
        return Rater(email, self.connection.url, key)


@dataclass(frozen=True)
class Rater:
    """Somebody with an account, who answers through the same interface as a browser."""

    email: str
    url: str
    token: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = httpx.request(
            method, f"{self.url}{path}", json=body, headers={"Authorization": f"Token {self.token}"}, timeout=120
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def next_task(self, project_id: int) -> dict[str, Any]:
        return self.call("GET", f"/api/projects/{project_id}/next")

    def answer(self, task_id: int, label: str, confidence: str | None = None, reason: str | None = None) -> int:
        chosen = {"label": label, "confidence": confidence, "reason": reason}
        return int(self.submit(task_id, {name: value for name, value in chosen.items() if value is not None}))

    def submit(self, task_id: int, chosen: dict[str, str], *, shown: str = "words", **more: object) -> int:
        body = {"result": result_of(chosen, shown), "lead_time": 3.5, **more}
        return int(self.call("POST", f"/api/tasks/{task_id}/annotations/", body)["id"])

    def change(self, answer_id: int, label: str) -> None:
        self.call("PATCH", f"/api/annotations/{answer_id}/", {"result": result_of({"label": label})})

    def delete(self, answer_id: int) -> None:
        self.call("DELETE", f"/api/annotations/{answer_id}/")

    def draft(self, task_id: int, label: str) -> None:
        self.call("POST", f"/api/tasks/{task_id}/drafts", {"result": result_of({"label": label}), "lead_time": 1})


def result_of(chosen: dict[str, str], shown: str = "words") -> Sequence[dict[str, object]]:
    """What a browser sends; `shown` is what the template calls that which is judged."""
    return [
        {"from_name": name, "to_name": shown, "type": "choices", "value": {"choices": [value]}}
        for name, value in chosen.items()
    ]


def be_found(server: Server, monkeypatch: pytest.MonkeyPatch, base: Path) -> None:
    """Let the server be found as the own one of the corpus that lies there; `base` takes the links to its home."""
    monkeypatch.setenv(HOME_VARIABLE, str(base / "homes"))
    place = locate_home(server.root)
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(server.home, target_is_directory=True)


def clear_corpus(server: Server) -> None:
    """Take the corpus of the last test away; what the server may read stays where it is."""
    for left in server.root.iterdir():
        if left.name != "served":
            shutil.rmtree(left) if left.is_dir() else left.unlink()


@contextmanager
def interfere(server: Server, meddle: Callable[[str, str, httpx.Response | None], int | bytes | None]) -> Iterator[str]:
    """An address before the server at which answers are lost, late or others.

    `meddle` is asked twice for each request, with method and path: before the server gets it (response None) and after
    it answered. What it returns is sent instead: a status, or a body; None lets things be.
    """

    class Between(BaseHTTPRequestHandler):
        def relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            instead = meddle(self.command, self.path, None)
            if instead is None:
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "accept-encoding")}
                url = f"{server.connection.url}{self.path}"
                answer = httpx.request(self.command, url, content=body, headers=headers, timeout=120)
                instead = meddle(self.command, self.path, answer)
                if instead is None:
                    self.reply(answer.status_code, answer.content, answer.headers.get("content-type", ""))
                    return
            status, content = (instead, b"{}") if isinstance(instead, int) else (200, instead)
            self.reply(status, content, "application/json")

        def reply(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

        do_GET = do_POST = do_PATCH = do_DELETE = relay  # noqa: N815 - names that http.server calls

    between = ThreadingHTTPServer(("127.0.0.1", 0), Between)
    threading.Thread(target=between.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{between.server_address[1]}"
    finally:
        between.shutdown()
        between.server_close()
