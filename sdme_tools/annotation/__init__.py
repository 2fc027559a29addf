"""Utterances to labels: votes are collected in rounds and kept for ever; the consensus is derived from them."""
