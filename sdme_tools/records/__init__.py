"""The nouns: frozen pydantic models that every layer speaks in. No I/O, no arrays."""
