"""What the log stores: an event's envelope, its type, its older shapes and its personal data."""
