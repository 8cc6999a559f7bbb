"""Make foreign text safe for terminals and logs: it cannot move the cursor, hide, change direction or end a line.

Foreign text is written by others: names of items, categories, reasons, users, errors, file names and CSV headers.
"""

import unicodedata

HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode's categories of hidden characters: controls, bidirectional marks, surrogates, line separators."""
LONGEST_NAME = 80


def visible(text: str, at_most: int | None = None) -> str:
    """Replace hidden characters by Python escapes, such as `\\x1b`, and cut the text after `at_most` characters."""
    cut = "" if at_most is None or len(text) <= at_most else f"… ({len(text) - at_most:,} more characters)"
    kept = text[:at_most] if cut else text
    return (kept if kept.isprintable() else "".join(map(_visible, kept))) + cut


def quoted_text(text: str) -> str:
    """Quote a foreign name for a sentence."""
    return f"'{visible(text, LONGEST_NAME)}'"


def ascii_safe(json: str) -> str:
    """Escape every hidden character in JSON, which keeps its meaning. msgspec escapes only those below a space."""
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
