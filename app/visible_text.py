"""Foreign text as terminals and logs may show it: nothing in it moves the cursor, hides, turns round or ends a line.

Foreign is whatever somebody else wrote: names of items, categories, reasons, users, errors, files and their headers.
"""

import unicodedata

HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode's categories of what is not seen itself: controls, bidirectional marks, surrogates, line separators."""
LONGEST_NAME = 80


def visible(text: str, at_most: int | None = None) -> str:
    """`text` with every hidden character as Python writes it, such as `\\x1b`; what is longer than `at_most` is cut."""
    cut = "" if at_most is None or len(text) <= at_most else f"… ({len(text) - at_most:,} more characters)"
    kept = text[:at_most] if cut else text
    return (kept if kept.isprintable() else "".join(map(_visible, kept))) + cut


def quoted_text(text: str) -> str:
    """A foreign name within a sentence."""
    return f"'{visible(text, LONGEST_NAME)}'"


def ascii_safe(json: str) -> str:
    """JSON that means the same, with every hidden character escaped; msgspec escapes only those below a space."""
    return json if json.isprintable() else "".join(map(_escaped, json))


def _visible(character: str) -> str:
    return character.encode("unicode_escape").decode() if _is_hidden(character) else character


def _escaped(character: str) -> str:
    if character in "\n\r\t" or not _is_hidden(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in HIDDEN
