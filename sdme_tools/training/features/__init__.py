"""Light encoders that turn a release into a feature table: fixed formulas, no weights, one file a modality.

They are yardsticks: small enough to train on in minutes without a GPU, good enough to see whether a corpus holds
anything to be learned. Whoever has stronger encoders makes a `dataset.FeatureTable` of their own.
"""
