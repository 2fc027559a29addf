"""Our own Label Studio server: one for each corpus, on this machine alone, that tells nobody anything.

Everything it keeps lies in a folder of the user's, outside the corpus: database, log, token, process. Of the corpus it
may read the folder `served`, which holds links to the media of rounds and nothing else.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sdme_tools.annotation.label_studio import Studio, is_healthy
from sdme_tools.annotation.label_studio_connection import Connection, load_connection, locate_home, save_connection
from sdme_tools.annotation.server_install import install_server
from sdme_tools.corpus.layout import Layout
from sdme_tools.errors import AnnotationError

DEFAULT_PORT = 8080
_START_S = 300
"""A first start makes the database: 32 s on an idle machine, several times that on a busy one."""
_STOP_S = 20
_ACCOUNT = "sdme@localhost.local"
_BUCKET_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "USE_DEFAULT_BANNED_SUBNETS")
"""What a server needs that signs addresses of a bucket: its keys, and leave to reach one in the own network."""


@dataclass(frozen=True)
class Process:
    """A running server; a number alone may have become another program's."""

    pid: int
    started: str
    """When, in the kernel's own count."""
    port: int


@dataclass(frozen=True)
class Started:
    """A server that answers."""

    connection: Connection
    file: Path
    """Where the connection is written down."""


@dataclass(frozen=True)
class ServerState:
    """How our own server stands."""

    home: str
    url: str | None
    """None where none was ever started."""
    is_running: bool
    is_healthy: bool
    pid: int | None
    log: str


def start_server(
    root: Path,
    *,
    port: int = DEFAULT_PORT,
    home: Path | None = None,
    with_bucket: bool = False,
    talk: Callable[[str], None],
) -> Started:
    """Install the server if need be, start it, and wait until it answers; one that runs already is left alone.

    Args:
        root: The corpus.
        port: Where it listens, on this machine alone.
        home: Where it keeps everything.
        with_bucket: Hand on the keys of a bucket that stand in our environment; they are written nowhere.
        talk: Called with what is being waited for, again and again while it lasts.

    Raises:
        AnnotationError: it cannot be installed, the port is taken, or it does not come up; shows its last words.
    """
    home = home or locate_home(root)
    state = examine_server(root, home=home)
    if state.is_running and (known := load_connection(home)) is not None:
        _wait(home, known, talk)
        return Started(known, save_connection(home, known))
    talk("installing Label Studio (once, about 800 MB)")
    program = install_server()
    _check_port(port)
    layout = Layout(root.resolve())
    layout.served.mkdir(exist_ok=True)
    before = load_connection(home)
    connection = Connection(
        url=f"http://127.0.0.1:{port}",
        token=before.token if before else secrets.token_hex(20),
        username=before.username if before else _ACCOUNT,
        password=before.password if before else secrets.token_urlsafe(18),
    )
    file = save_connection(home, connection)
    environment = make_environment(home, layout.served, connection, port, with_bucket=with_bucket)
    process = _launch(program, home, environment, port)
    _process_file(home).write_text(json.dumps(asdict(process)), encoding="utf-8")
    _wait(home, connection, talk)
    return Started(connection, file)


def stop_server(root: Path, *, home: Path | None = None) -> bool:
    """End our own server, and return whether there was one; its data stay.

    Raises:
        AnnotationError: it does not end.
    """
    home = home or locate_home(root)
    process = _read_process(home)
    if process is None or not _is_alive(process):
        _process_file(home).unlink(missing_ok=True)
        return False
    for order in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):  # it may end by itself at any moment
            os.kill(process.pid, order)
        until = time.monotonic() + _STOP_S
        while time.monotonic() < until:
            if not _is_alive(process):
                _process_file(home).unlink(missing_ok=True)
                return True
            time.sleep(0.1)
    raise AnnotationError(f"the server (process {process.pid}) does not end", cure="end that process by hand")


def examine_server(root: Path, *, home: Path | None = None) -> ServerState:
    """Tell how our own server stands; nothing is changed."""
    home = home or locate_home(root)
    connection, process = load_connection(home), _read_process(home)
    alive = process is not None and _is_alive(process)
    return ServerState(
        home=str(home),
        url=connection.url if connection else None,
        is_running=alive,
        is_healthy=bool(alive and connection and is_healthy(connection.url)),
        pid=process.pid if alive and process else None,
        log=str(home / "server.log"),
    )


def _launch(program: Path, home: Path, environment: dict[str, str], port: int) -> Process:
    command = [str(program), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
    with (home / "server.log").open("ab") as log:
        child = subprocess.Popen(  # noqa: S603 - our own words
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home,
            start_new_session=True,  # it outlives this command, and its terminal
        )
    return Process(child.pid, _started(child.pid) or "", port)


def make_environment(
    home: Path, served: Path, connection: Connection, port: int, *, with_bucket: bool = False
) -> dict[str, str]:
    """Make everything that the server is told.

    Of our own environment it gets but the path and the language, so that no stray variable turns anything on, and the
    keys of a bucket where there is one. Name, token and keys stand here and not on its command line, which everybody
    on the machine may read.
    """
    wanted = ("PATH", "LANG", "LC_ALL", "TZ", *(_BUCKET_VARIABLES if with_bucket else ()))
    inherited = {name: os.environ[name] for name in wanted if name in os.environ}
    return inherited | {
        "HOME": str(home),
        "LABEL_STUDIO_BASE_DATA_DIR": str(home / "data"),
        "LABEL_STUDIO_PORT": str(port),
        "LABEL_STUDIO_USERNAME": connection.username,
        "LABEL_STUDIO_PASSWORD": connection.password,
        "LABEL_STUDIO_USER_TOKEN": connection.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(served),
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }


def _wait(home: Path, connection: Connection, talk: Callable[[str], None]) -> None:
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < _START_S:
        if is_healthy(connection.url):
            Studio(connection).check_token()
            return
        process = _read_process(home)
        if process is None or not _is_alive(process):
            raise AnnotationError(
                f"the server ended by itself: {_last_words(home)}",
                cure=f"read {home / 'server.log'}; another port is chosen with --port",
            )
        talk(f"waiting for the server ({waited:.0f} s; the first start makes its database)")
        time.sleep(0.5)
    raise AnnotationError(
        f"the server does not answer after {_START_S} s: {_last_words(home)}", cure=f"read {home / 'server.log'}"
    )


def _last_words(home: Path) -> str:
    try:
        lines = (home / "server.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "it left no log"
    return " / ".join(line.strip() for line in lines[-3:])[:400]


def _check_port(port: int) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise AnnotationError(
                f"port {port} cannot be had ({error.strerror})", cure="choose another one with --port"
            ) from error


def _process_file(home: Path) -> Path:
    return home / "process.json"


def _read_process(home: Path) -> Process | None:
    try:
        return Process(**json.loads(_process_file(home).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_alive(process: Process) -> bool:
    return bool(process.started) and _started(process.pid) == process.started


def _started(pid: int) -> str | None:
    """When a process began; None where there is none, or only its unburied remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
