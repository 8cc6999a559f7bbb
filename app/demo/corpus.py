"""What the people of the demo's small town own, say and do: the material of `app.demo.seed_year`, from corpus.toml."""

from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

CORPUS_FILE = Path(__file__).with_name("corpus.toml")


class Kind(Struct, frozen=True, forbid_unknown_fields=True):
    """A sort of thing."""

    category: str
    picture: str
    """The name of its picture in app/page/pictures."""
    names: tuple[str, ...]
    """`{colour}` stands for one of the colours, `{Colour}` for the same with a capital."""
    sentences: tuple[str, ...]
    """What its description is made of."""


class Corpus(Struct, frozen=True, forbid_unknown_fields=True):
    owners: tuple[str, ...]
    colours: tuple[str, ...]
    market_place: tuple[float, float]
    """Latitude and longitude."""
    additions: tuple[str, ...]
    """Further sentences, for a thing of any kind."""
    name_endings: tuple[str, ...]
    swaps: tuple[str, ...]
    """Reasons for a swap; `{}` stands for the name of the other thing."""
    fallen_through: tuple[str, ...]
    """Reasons why a swap was undone."""
    withdrawn: tuple[str, ...]
    """Reasons for a deletion."""
    kinds: tuple[Kind, ...]


@cache
def read_corpus() -> Corpus:
    return msgspec.toml.decode(CORPUS_FILE.read_bytes(), type=Corpus)
