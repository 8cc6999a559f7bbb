"""The read side: documents now and as of an instant, listings, and the server that a read goes to."""
