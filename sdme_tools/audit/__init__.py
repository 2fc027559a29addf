"""Looking for defects in what others made, or we: a corpus, a release, or any folder of clips with a CSV."""
