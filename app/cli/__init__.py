"""The console commands of `catalog`."""
