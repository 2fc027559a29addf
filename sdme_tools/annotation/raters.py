"""Who a rater is: a pseudonym in the corpus, an e-mail address on the server, and a key that joins them, elsewhere.

A pseudonym is a keyed hash of the address. Whoever has the corpus but not the key cannot tell who a rater is, not even
by trying addresses; whoever has the key needs no list, so there is none that could get lost or be found.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Callable
from pathlib import Path

from sdme_tools.annotation.label_studio_connection import locate_home
from sdme_tools.corpus.keys import make_key_file, read_key_file
from sdme_tools.errors import AnnotationError

KEY_VARIABLE = "SDME_RATER_KEY"
_FILE = "rater.key"
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def make_pseudonym(key: bytes, email: str) -> str:
    """Name a rater; upper and lower case and outer spaces of the address make no other rater.

    Raises:
        AnnotationError: it is no e-mail address. The error does not repeat it.
    """
    address = email.strip().lower()
    if not _ADDRESS.fullmatch(address):
        raise AnnotationError("that is no e-mail address", cure="write it like name@example.org")
    return f"r{hmac.new(key, address.encode(), hashlib.sha256).hexdigest()[:10]}"


def read_key(root: Path, *, make: bool = False) -> bytes:
    """Read the key of a corpus: $SDME_RATER_KEY, or a file that only the user can read, outside the corpus.

    Raises:
        AnnotationError: there is none and none is to be made.
        CorpusError: others may read it.
    """
    if chosen := os.environ.get(KEY_VARIABLE, "").strip():
        return chosen.encode()
    path = locate_home(root) / _FILE
    if make:
        make_key_file(path)
    try:
        return read_key_file(path)
    except OSError as error:
        raise AnnotationError(
            f"the key that tells raters' accounts from strangers is not there ({path})",
            cure=f"bring that file from where the raters were added, set {KEY_VARIABLE}, or add them with `sdme raters "
            "add` if there are no votes yet",
        ) from error


def rater_names(root: Path) -> Callable[[str], str | None]:
    """Return what tells the pseudonym of an account's address; None for what is no address."""
    key = read_key(root)
    return lambda account: make_pseudonym(key, account) if _ADDRESS.fullmatch(account.strip()) else None
