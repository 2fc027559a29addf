"""Backends that tell which visible mouth makes the voice."""
