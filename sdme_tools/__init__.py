"""sdme_tools: from raw interaction video to a single-label multimodal emotion corpus.

The layers, each importing only what stands below it (import-linter enforces it):

    cli
    stages | annotation | release | training
    corpus | media | backends | engine
    records
    errors
"""

__version__ = "0.1.0"
