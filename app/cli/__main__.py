"""`python -m app.cli` is the console command `catalog`."""

from app.cli.catalog import main

main()
