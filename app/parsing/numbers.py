"""Decimal numbers in parameters, as Python, JavaScript, C and others print them: signs, exponents, leading zeros."""

import math
import re

NUMBER_PATTERN = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+\- ]?\d{1,4})?"
"""Neither NaN, infinity, hexadecimal nor underscores. A blank in the exponent was a `+`."""


def parse_number(text: str) -> float:
    """The number in `text`, with blanks around it; not a number (NaN) if there is none.

    A blank before it may have been a `+`, which means the same.
    """
    match = re.fullmatch(rf"\s*({NUMBER_PATTERN})\s*", text, re.ASCII)
    return float(match[1].replace(" ", "+")) if match else math.nan
