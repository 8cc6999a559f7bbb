"""Untrusted input as values: strict JSON, long bodies row by row, instants and numbers."""
