"""Transcribers: what is said in an utterance."""
