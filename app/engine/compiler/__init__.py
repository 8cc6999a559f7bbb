"""Compiles the rules of projections to SQL: tables, folds, views and the steps of a rebuild."""
