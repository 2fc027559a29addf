"""What every noun shares: frozen, strict about unknown fields, no I/O, no arrays."""

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
