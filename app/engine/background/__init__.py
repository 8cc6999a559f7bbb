"""What runs beside requests: the projector, rebuilds, verification and their status."""
