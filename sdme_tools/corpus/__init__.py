"""The corpus on disk: where things lie, how tables are read and replaced, what is fresh."""
