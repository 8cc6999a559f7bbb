"""One question per file; each runs alone, `python -m bench.replay`, and prints its floor beside its figure."""
