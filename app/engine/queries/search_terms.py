"""Splits a search into terms, words for the index, and the condition that compares a text with them.

`catalog.matches_search` in schema.sql defines a match. Stemming a text takes most of the time, so its terms are
searched first. A walk also checks the stems in the search index first; that row holds every word the document ever had.
"""

import re
from typing import Any

PUNCTUATION = r"!-/:-@\[-`{-~"
"""The punctuation of ASCII, as in `catalog.strip_punctuation`."""
BETWEEN_WORDS = re.compile(rf"[{PUNCTUATION}\s]+")

WORDS_MAX = 8
"""The index is asked for so many words, the longest ones; the comparison checks the others."""
SHORT_WORD_CHARACTERS = 2
"""A word of so few characters is part of words of most documents, so the index would read all of them."""
SHORT_WORDS_MAX = 3
"""The index is asked for so many short words if there are no longer ones."""

STEMS = "plainto_tsquery('english', catalog.strip_punctuation(%(search)s))"
WITHIN_WORDS = f"found @@ (catalog.candidate_query(%(words)s) || {STEMS})"
ENDS_OF_WORDS = f"found @@ (catalog.suffix_query(%(ends)s) || {STEMS})"
HAS_STEMS = f"found @@ ({STEMS} || '''*'''::tsquery)"
"""`*` marks a document with more words than the index holds."""


class SearchTerms:
    """The distinct terms of a search."""

    def __init__(self, search: str) -> None:
        self.terms = list(dict.fromkeys(search.split()))
        self.text = " ".join(self.terms)
        index_words = _index_words(self.terms)
        self.words = [word for word, ends in index_words if not ends]
        self.ends = [word for word, ends in index_words if ends]

    @property
    def candidate_condition(self) -> str | None:
        """A condition on the search index that all matches meet; None if the search has no words for the index."""
        asked = [WITHIN_WORDS] * bool(self.words) + [ENDS_OF_WORDS] * bool(self.ends)
        return " and ".join(asked) or None

    def parameters(self) -> dict[str, Any]:
        """The parameters of all conditions of this class."""
        named = {f"term_{number}": term for number, term in enumerate(self.terms)}
        return {"search": self.text, "words": " ".join(self.words), "ends": " ".join(self.ends), **named}

    def match_condition(self, text: str, lowered: str, has_stems: str | None = None) -> str:
        """The condition for a text to match; `lowered` is the text in lower case.

        `has_stems` is a cheap condition, checked before the text is stemmed; every match by stems must meet it.
        """
        numbered = sorted(enumerate(self.terms), key=lambda each: -len(each[1]))
        contained = [(term, f"strpos({lowered}, lower(%(term_{number})s)) > 0") for number, term in numbered]
        literally = [condition for term, condition in contained if BETWEEN_WORDS.search(term)]
        by_stems = [*literally, *filter(None, [has_stems]), f"catalog.text_has_stems({text}, %(search)s)"]
        return f"({' and '.join(condition for _, condition in contained)} or {' and '.join(by_stems)})"


def _index_words(terms: list[str]) -> list[tuple[str, bool]]:
    """The words to ask the index for, and for each whether it must end a word.

    Words of a term before its last punctuation must. The index finds them as fast as longer words.
    """
    found: dict[tuple[str, bool], None] = {}
    for term in terms:
        *ends, last = BETWEEN_WORDS.split(term)
        found |= dict.fromkeys([*((word, True) for word in ends if word), *([(last, False)] if last else [])])
    ranks = {each: len(each[0]) + SHORT_WORD_CHARACTERS * each[1] for each in found}
    best_first = sorted(ranks, key=lambda each: -ranks[each])
    return [each for each in best_first if ranks[each] > SHORT_WORD_CHARACTERS][:WORDS_MAX] or best_first[
        :SHORT_WORDS_MAX
    ]
