"""The write side and the log: append, read, idempotency, the high-water mark, the command handler."""
