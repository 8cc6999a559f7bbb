"""What is stored: an event's envelope, its type, its older shapes and its personal data."""
