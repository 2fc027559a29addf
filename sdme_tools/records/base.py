"""What every noun shares: frozen, strict about unknown fields, no I/O, no arrays."""

import hashlib

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen value; equality is equality of its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Source(Record):
    """Which backend, version and weights made something: the provenance that every machine-made row carries."""

    backend: str
    version: str
    weights: str | None = None
    """SHA-256 of the weights (or of the file the backend reads), None where the backend has none."""

    def __str__(self) -> str:
        """Say it in one line: backend, version, and the weights where it has any."""
        return f"{self.backend} {self.version}" + (f" sha256:{self.weights}" if self.weights else "")


def combine_sources(*sources: Source) -> Source:
    """Name several makers as one, in order: 'silero + channels'; the weights are a hash of all their weights."""
    weights = [source.weights for source in sources if source.weights]
    together = hashlib.sha256("".join(weights).encode()).hexdigest() if len(weights) > 1 else None
    return Source(
        backend=" + ".join(source.backend for source in sources),
        version=" + ".join(source.version for source in sources),
        weights=together or next(iter(weights), None),
    )
