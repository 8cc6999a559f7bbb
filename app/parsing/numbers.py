"""Parse decimal numbers as Python, JavaScript and C print them: with signs, exponents and leading zeros."""

import math
import re

NUMBER_PATTERN = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+\- ]?\d{1,4})?"
"""Excludes NaN, infinity, hexadecimal and underscores. A blank in the exponent was a `+` in the URL."""


def parse_number(text: str) -> float:
    """The number in `text`, or NaN if it is none.

    Blanks around it are ignored. A blank before it may have been a `+`, which changes nothing.
    """
    match = re.fullmatch(rf"\s*({NUMBER_PATTERN})\s*", text, re.ASCII)
    return float(match[1].replace(" ", "+")) if match else math.nan
