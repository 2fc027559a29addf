"""Networks that show whether a corpus holds: feature tables in, checkpoints, metrics and relevance weights out.

Nothing here knows media or the corpus folder: everything starts from a `dataset.FeatureTable`, so features of any
origin can be brought.
"""
