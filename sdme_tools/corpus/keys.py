"""Keys that join pseudonyms to whom they stand for: in a variable, or a file that only the user can read.

They never lie in the corpus: whoever is given the corpus, or a release of it, cannot tell who is who, not even by
trying names.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from platformdirs import user_data_path

from sdme_tools.errors import CorpusError

KEY_VARIABLE = "SDME_CORPUS_KEY"
HOME_VARIABLE = "SDME_KEYS"


def locate_key(root: Path) -> Path:
    """Where the key of a corpus lies: outside of it, one for each corpus; $SDME_KEYS names another folder."""
    chosen = os.environ.get(HOME_VARIABLE)
    base = Path(chosen).expanduser() if chosen else user_data_path("sdme_tools", appauthor=False) / "keys"
    resolved = root.resolve()
    return base / f"{resolved.name}-{hashlib.sha256(str(resolved).encode()).hexdigest()[:10]}.key"


def read_corpus_key(root: Path, *, make: bool = False) -> bytes:
    """Read the key of a corpus, which names what must not be named: people in releases, files of who withdrew.

    Raises:
        CorpusError: there is none and none is to be made, or others may read it.
    """
    if chosen := os.environ.get(KEY_VARIABLE, "").strip():
        return chosen.encode()
    path = locate_key(root)
    if make:
        make_key_file(path)
    try:
        return read_key_file(path)
    except OSError as error:
        raise CorpusError(
            f"the key of this corpus is not there ({path})",
            cure=f"bring that file from where the corpus lay before, or set {KEY_VARIABLE} to what it holds",
        ) from error


def make_key_file(path: Path) -> None:
    """Write a new key for nobody else to read; a key that is there stays."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123 - the mode must hold from the first byte
        file.write(secrets.token_hex(32))


def read_key_file(path: Path) -> bytes:
    """Read a key.

    Raises:
        CorpusError: others may read it.
        OSError: it is not there.
    """
    if path.stat().st_mode & 0o077:
        raise CorpusError(f"{path} is a secret, and others may read it", cure=f"chmod 600 {path}")
    return path.read_text(encoding="ascii").strip().encode()


def keyed_hash(key: bytes, kind: str, text: str) -> str:
    """32 hexadecimal digits that stand for a text; who lacks the key cannot tell of which, not even by trying.

    `kind` keeps the same text in two roles from having the same hash.
    """
    return hmac.new(key, f"{kind}\n{text}".encode(), hashlib.sha256).hexdigest()[:32]


def check_of(key: bytes) -> str:
    """Tells whether a key is the one that hashes were made with, and nothing else."""
    return keyed_hash(key, "check", "")[:8]
