"""One question per file; each runs alone, `python -m bench.replay`, and prints its floor beside its figure.

A run writes its rows to bench/results, as lines of JSON. `python -m bench.results` makes RESULTS.md and its charts from
them. SCALE=small takes seconds and writes to a folder of its own; BENCH_RESULTS names another. SCALE=tiny, for the
tests, only shows that the programs run.
"""
