"""The HTTP API: thin controllers over the handler and the documents."""
