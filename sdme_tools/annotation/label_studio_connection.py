"""Which server a corpus is annotated on: its address and token, in a file of the user's own outside the corpus."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_data_path

from sdme_tools.errors import AnnotationError, ConfigError

TOKEN_VARIABLE = "SDME_LABEL_STUDIO_TOKEN"  # noqa: S105 - names a variable
HOME_VARIABLE = "SDME_LABEL_STUDIO_HOME"
OWN = "own"
"""Name of the server that `sdme label-studio up` starts for the corpus."""
_FILE = "connection.json"


@dataclass(frozen=True)
class Connection:
    """A server and a token for it. Its text form hides the secrets, for errors and logs."""

    url: str
    token: str = field(repr=False)
    username: str = ""
    """E-mail address of the account that the token belongs to, where we made it."""
    password: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """What the ledger calls the server; our own may move to another port."""
        return OWN if self.username else self.url

    @property
    def is_personal(self) -> bool:
        """Whether the token is a personal access token (three parts), not a legacy one."""
        return self.token.count(".") == 2


def locate_home(corpus_root: Path) -> Path:
    """Name the folder in which a corpus' own server keeps everything: outside the corpus, one for each corpus."""
    chosen = os.environ.get(HOME_VARIABLE)
    base = Path(chosen).expanduser() if chosen else user_data_path("sdme_tools", appauthor=False) / "label-studio"
    root = corpus_root.resolve()
    return base / f"{root.name}-{hashlib.sha256(str(root).encode()).hexdigest()[:10]}"


def save_connection(home: Path, connection: Connection) -> Path:
    """Write the connection for nobody else to read."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / _FILE
    temporary = path.with_name(f".{_FILE}.{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - the mode must hold from the first byte
        json.dump(asdict(connection), file, indent=2)
    temporary.replace(path)
    return path


def load_connection(home: Path) -> Connection | None:
    """Read the connection of a corpus' own server; None where none was ever started.

    Raises:
        AnnotationError: the file is damaged, or others may read it.
    """
    path = home / _FILE
    try:
        if path.stat().st_mode & 0o077:
            raise AnnotationError(f"{path} holds a token and may be read by others", cure=f"chmod 600 {path}")
        return Connection(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise AnnotationError(
            f"{path} cannot be read ({type(error).__name__})", cure="remove it and run `sdme label-studio up` again"
        ) from error


def find_connection(corpus_root: Path, url: str | None) -> Connection:
    """Tell which server to speak to: the one named, else the corpus' own.

    Raises:
        ConfigError: the address is none, or its token is missing.
        AnnotationError: no server was named and none of our own was ever started.
    """
    if url is not None:
        return Connection(_check_url(url), _read_token(url))
    if (own := load_connection(locate_home(corpus_root))) is None:
        raise AnnotationError(
            f"no Label Studio server is known for {corpus_root}",
            cure=f"start one with `sdme label-studio up {corpus_root}`, or name one with --url and {TOKEN_VARIABLE}",
        )
    return own


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ConfigError(
            "the server's address must be like https://studio.example.org, without name or password",
            cure="give it with --url",
        )
    return url.rstrip("/")


def _read_token(url: str) -> str:
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise ConfigError(
            f"{url} needs a token, and {TOKEN_VARIABLE} is not set",
            cure=f"take one from the server's page 'Account & Settings' and set {TOKEN_VARIABLE} to it",
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(f"{TOKEN_VARIABLE} holds something that is no token", cure="copy the token alone into it")
    return token
