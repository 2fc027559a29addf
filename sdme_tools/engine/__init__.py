"""Where work runs: process pools that outlive neither their parent nor a crash of one task."""
