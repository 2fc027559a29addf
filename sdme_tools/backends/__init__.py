"""Swappable models: arrays in, nouns out. One folder a kind, one file a backend; registry.py knows their names."""
