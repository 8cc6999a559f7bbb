"""Format counts and ranges for sentences."""


def count(number: int, noun: str) -> str:
    """`1 event`, `1,500 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def span(first: int, last: int, noun: str) -> str:
    """`position 14`, `positions 14 to 16`."""
    return f"{noun} {first}" if first == last else f"{noun}s {first} to {last}"
