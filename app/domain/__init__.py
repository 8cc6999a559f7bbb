"""Swappo's own rules: the events of an item, what each command decides, and the erasure of an owner."""
