"""One question per file; each runs alone, `python -m bench.replay`, and prints its floor beside its figure.

What a run found goes to bench/results, a line of JSON for each row, and from there `python -m bench.results` makes
RESULTS.md and its charts. SCALE=small is over in seconds and goes to a folder of its own; BENCH_RESULTS names another.
SCALE=tiny only shows that the programs run, as the tests have it.
"""
