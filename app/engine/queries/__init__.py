"""The read side: documents and listings, now and as of an instant, and the server that a request reads from."""
