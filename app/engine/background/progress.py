"""The callback of a long operation."""

from collections.abc import Callable
from typing import TypeVar

Progress = TypeVar("Progress")

OnProgress = Callable[[Progress], None]
"""Receives how far the operation is: a RebuildProgress, or the StreamsCompared of a verification."""
