"""Feature tables: made of a release by encoders, or of features that others made.

`encoders` names the encoders there are: light ones with fixed formulas and no weights to fetch, one file each, and
pretrained models of transformers, one file a modality. `make` applies them to a release, `importing` takes files of
others, `store` gives training the table that it asks for.
"""
