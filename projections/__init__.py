"""The read models: each file declares a document and the projection or rollup that computes it."""
