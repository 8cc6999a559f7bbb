"""The rule language of projections, their fold in Python, and the checks at import."""
