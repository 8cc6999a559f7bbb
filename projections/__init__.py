"""The read models: a document and the projection that folds it, one per file."""
