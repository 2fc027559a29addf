"""Voice activity detectors: where in a voice somebody speaks."""
