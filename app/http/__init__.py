"""The HTTP API over the engine and the domain."""
