"""A search as it was typed: its terms, the words that an index is asked for, and how a text is compared with them.

`catalog.text_matches` in schema.sql says what a match is. The stems of a text take most of the time: so its terms are
looked for first, and in a walk the stems in the row of the index of words, which holds all it ever had.
"""

import re
from typing import Any

PUNCTUATION = r"!-/:-@\[-`{-~"
"""ASCII's, as `catalog.plain_words` has it."""
BETWEEN_WORDS = re.compile(rf"[{PUNCTUATION}\s]+")

MOST_WORDS = 8
"""So many words the index is asked for, the longest; the others are left to the comparison."""
SHORT = 2
"""A word of so few characters stands in words of most documents: the index reads all of them."""
MOST_SHORT_WORDS = 3
"""So many short words the index is asked for, where there are no longer ones."""

STEMS = "plainto_tsquery('english', catalog.plain_words(%(search)s))"
MAY_MATCH = f"found @@ (catalog.words_matching(%(words)s) || {STEMS})"
HAS_STEMS = f"found @@ ({STEMS} || '''*'''::tsquery)"
"""`*` is a document with more words than the index holds."""


class SearchTerms:
    """The terms of a search, each once."""

    def __init__(self, search: str) -> None:
        self.terms = list(dict.fromkeys(search.split()))
        self.text = " ".join(self.terms)
        self.words = _words_to_ask_for(self.text)

    def given(self) -> dict[str, Any]:
        """The parameters of all conditions here."""
        named = {f"term_{number}": term for number, term in enumerate(self.terms)}
        return {"search": self.text, "words": " ".join(self.words), **named}

    def matches(self, text: str, lowered: str, has_stems: str | None = None) -> str:
        """The condition that a text matches; `lowered` is the text in lower case.

        `has_stems` is asked before the text is taken to pieces, and holds for whatever matches by its stems.
        """
        numbered = sorted(enumerate(self.terms), key=lambda each: -len(each[1]))
        stand = [(term, f"strpos({lowered}, lower(%(term_{number})s)) > 0") for number, term in numbered]
        as_they_are = [condition for term, condition in stand if BETWEEN_WORDS.search(term)]
        by_stems = [*as_they_are, *filter(None, [has_stems]), f"catalog.text_has_stems({text}, %(search)s)"]
        return f"({' and '.join(condition for _, condition in stand)} or {' and '.join(by_stems)})"


def _words_to_ask_for(text: str) -> list[str]:
    longest_first = sorted(dict.fromkeys(filter(None, BETWEEN_WORDS.split(text))), key=len, reverse=True)
    return [word for word in longest_first if len(word) > SHORT][:MOST_WORDS] or longest_first[:MOST_SHORT_WORDS]
