"""From a recording to utterance material: one file a stage, values in, values out; runner.py reads and writes."""
