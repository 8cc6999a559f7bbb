"""The scripted tour of one item, and the year of a small town."""
