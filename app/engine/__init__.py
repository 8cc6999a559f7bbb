"""The event-sourcing engine: an append-only log in Postgres and projections folded from it; it knows no item."""
