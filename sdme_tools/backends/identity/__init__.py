"""Backends that tell people apart: by faces, and by voices."""
