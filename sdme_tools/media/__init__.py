"""Bytes to arrays and back: probing, reading and writing media with PyAV."""
