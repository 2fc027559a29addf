"""Labels to shards: which utterances go out, in which split, as Parquet files that load everywhere."""
