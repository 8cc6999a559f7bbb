"""A search as it was typed: its terms, the words that an index is asked for, and how a text is compared with them.

`catalog.matches_search` in schema.sql says what a match is. The stems of a text take most of the time: so its terms are
looked for first, and in a walk the stems in the row of the index of words, which holds all it ever had.
"""

import re
from typing import Any

PUNCTUATION = r"!-/:-@\[-`{-~"
"""ASCII's, as `catalog.strip_punctuation` has it."""
BETWEEN_WORDS = re.compile(rf"[{PUNCTUATION}\s]+")

WORDS_MAX = 8
"""So many words the index is asked for, the longest; the others are left to the comparison."""
SHORT_WORD_CHARACTERS = 2
"""A word of so few characters stands in words of most documents: the index reads all of them."""
SHORT_WORDS_MAX = 3
"""So many short words the index is asked for, where there are no longer ones."""

STEMS = "plainto_tsquery('english', catalog.strip_punctuation(%(search)s))"
WITHIN_WORDS = f"found @@ (catalog.candidate_query(%(words)s) || {STEMS})"
ENDS_OF_WORDS = f"found @@ (catalog.suffix_query(%(ends)s) || {STEMS})"
HAS_STEMS = f"found @@ ({STEMS} || '''*'''::tsquery)"
"""`*` is a document with more words than the index holds."""


class SearchTerms:
    """The terms of a search, each once."""

    def __init__(self, search: str) -> None:
        self.terms = list(dict.fromkeys(search.split()))
        self.text = " ".join(self.terms)
        asked_for = _index_words(self.terms)
        self.words = [word for word, ends in asked_for if not ends]
        self.ends = [word for word, ends in asked_for if ends]

    @property
    def candidate_condition(self) -> str | None:
        """The condition on a row of the index of words that all matches meet; None if there is nothing to ask for."""
        asked = [WITHIN_WORDS] * bool(self.words) + [ENDS_OF_WORDS] * bool(self.ends)
        return " and ".join(asked) or None

    def parameters(self) -> dict[str, Any]:
        """The parameters of all conditions here."""
        named = {f"term_{number}": term for number, term in enumerate(self.terms)}
        return {"search": self.text, "words": " ".join(self.words), "ends": " ".join(self.ends), **named}

    def match_condition(self, text: str, lowered: str, has_stems: str | None = None) -> str:
        """The condition that a text matches; `lowered` is the text in lower case.

        `has_stems` is asked before the text is taken to pieces, and holds for whatever matches by its stems.
        """
        numbered = sorted(enumerate(self.terms), key=lambda each: -len(each[1]))
        stand = [(term, f"strpos({lowered}, lower(%(term_{number})s)) > 0") for number, term in numbered]
        as_they_are = [condition for term, condition in stand if BETWEEN_WORDS.search(term)]
        by_stems = [*as_they_are, *filter(None, [has_stems]), f"catalog.text_has_stems({text}, %(search)s)"]
        return f"({' and '.join(condition for _, condition in stand)} or {' and '.join(by_stems)})"


def _index_words(terms: list[str]) -> list[tuple[str, bool]]:
    """The words of the terms that the index is asked for, each with whether it ends a word there, which is found as
    fast as a longer one."""
    found: dict[tuple[str, bool], None] = {}
    for term in terms:
        *ends, last = BETWEEN_WORDS.split(term)
        found |= dict.fromkeys([*((word, True) for word in ends if word), *([(last, False)] if last else [])])
    ranks = {each: len(each[0]) + SHORT_WORD_CHARACTERS * each[1] for each in found}
    best_first = sorted(ranks, key=lambda each: -ranks[each])
    return [each for each in best_first if ranks[each] > SHORT_WORD_CHARACTERS][:WORDS_MAX] or best_first[
        :SHORT_WORDS_MAX
    ]
