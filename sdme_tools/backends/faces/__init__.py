"""Backends that find faces and their landmarks in single pictures."""
