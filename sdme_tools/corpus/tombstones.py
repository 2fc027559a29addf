"""Whether a file is a recording that somebody withdrew: asked before anything is taken into the corpus."""

from collections.abc import Callable

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.keys import KEY_VARIABLE, check_of, keyed_hash, locate_key, read_corpus_key
from sdme_tools.corpus.table import read_table
from sdme_tools.errors import CorpusError
from sdme_tools.records.withdrawal import Tombstone


def read_tombstones(corpus: Corpus) -> list[Tombstone]:
    """What is remembered of withdrawals, in their order.

    Raises:
        CorpusError: the table is damaged.
    """
    return read_table(corpus.layout.tombstones, Tombstone)


def hash_source(key: bytes, sha256: str) -> str:
    """What a tombstone remembers of a file."""
    return keyed_hash(key, "source", sha256)


def read_source_key(corpus: Corpus) -> bytes:
    """The key that files of withdrawn recordings are remembered by; made with the first of them.

    Raises:
        CorpusError: files are remembered by a key that is not there any more.
    """
    checks = {tombstone.key_check for tombstone in read_tombstones(corpus) if tombstone.sources}
    key = read_corpus_key(corpus.root, make=not checks)
    if checks - {check_of(key)}:
        raise CorpusError(
            f"{corpus.root}: which recordings were withdrawn cannot be told: the key is another one than then",
            cure=f"bring the key back to {locate_key(corpus.root)}, or set {KEY_VARIABLE} to what it holds",
        )
    return key


def find_withdrawn(corpus: Corpus) -> Callable[[str], bool]:
    """Return what tells whether a file of that SHA-256 was withdrawn.

    Raises:
        CorpusError: files were withdrawn, and without the key of the corpus nobody can tell which.
    """
    withdrawn = {source for tombstone in read_tombstones(corpus) for source in tombstone.sources}
    if not withdrawn:
        return lambda sha256: False
    key = read_source_key(corpus)
    return lambda sha256: hash_source(key, sha256) in withdrawn
