"""The Catalog service and its engine; docs/architecture.md says which package may import which."""
