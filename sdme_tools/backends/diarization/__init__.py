"""Diarizers: whose voice is it that speaks."""
