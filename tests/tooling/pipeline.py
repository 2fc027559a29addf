"""The diarization pipeline that train_diarization.py made."""

from pathlib import Path

PIPELINE = Path(__file__).parents[1] / "data" / "diarization"
