"""Prose, comments, docstrings and messages avoid the phrases of `banned_phrases`."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.banned_phrases import BANNED
from tests.support.doc_pages import Page
from tests.support.paths import ROOT

READ = (
    *("README.md", "CHANGELOG.md", "docs/**/*.md", "app/**/*.py", "projections/*.py", "schema.sql"),
    *("app/migrations/*.sql", "app/engine/compiler/**/*.sql", "app/page/*.js", "app/page/*.html", "bench/*.py"),
)
"""What is checked: globs from the repository's folder."""

PATTERNS = [(re.compile(rf"\b(?:{phrase})\b", re.IGNORECASE), instead) for phrase, instead in BANNED]
JAVASCRIPT_TEXT = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`", re.DOTALL
)
SQL_TEXT = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
HTML_TAG = re.compile(r"<[^>]*>")

Texts = Iterator[tuple[int, str]]
"""A line, 1-based, and the text that begins there."""


def markdown_texts(path: Path) -> Texts:
    yield 1, Page(path).prose


def python_texts(path: Path) -> Texts:
    """Comments, docstrings and messages: each string with a blank in it."""
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def _found_texts(pattern: re.Pattern[str], path: Path) -> Texts:
    source = path.read_text(encoding="utf-8")
    for found in pattern.finditer(source):
        if " " in found[0]:
            yield source.count("\n", 0, found.start()) + 1, found[0]


def javascript_texts(path: Path) -> Texts:
    yield from _found_texts(JAVASCRIPT_TEXT, path)


def sql_texts(path: Path) -> Texts:
    yield from _found_texts(SQL_TEXT, path)


def html_texts(path: Path) -> Texts:
    yield 1, HTML_TAG.sub(" ", path.read_text(encoding="utf-8"))


TEXTS_OF = {
    ".md": markdown_texts,
    ".py": python_texts,
    ".js": javascript_texts,
    ".sql": sql_texts,
    ".html": html_texts,
}
VENDORED = ("vendor", "swagger_ui")


def checked_files() -> list[Path]:
    files = {path for pattern in READ for path in ROOT.glob(pattern)}
    return sorted(path for path in files if path.suffix in TEXTS_OF and not set(VENDORED) & set(path.parts))


def banned_in(texts: Texts) -> Iterator[str]:
    """A sentence for each banned phrase; a phrase may go over the end of a line."""
    for line, text in texts:
        in_one_line = re.sub(r"\s", " ", text)
        for pattern, instead in PATTERNS:
            for found in pattern.finditer(in_one_line):
                at = line + text.count("\n", 0, found.start())
                yield f"line {at}: “{found[0]}” → {instead}"


@pytest.mark.parametrize("path", checked_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_banned_phrase_is_used(path: Path) -> None:
    assert list(banned_in(TEXTS_OF[path.suffix](path))) == []


@pytest.mark.parametrize(
    ("suffix", "source"),
    [
        (".md", "Rebuild it\nanew.\n"),
        (".py", "# Rebuild it anew.\n"),
        (".py", '"""Rebuild it anew."""\n'),
        (".py", 'raise ValueError(f"{name} is made anew.")\n'),
        (".js", "// Rebuild it anew.\n"),
        (".js", "say(`${name} is made anew`);\n"),
        (".sql", "comment on table t is 'It is made anew.';\n"),
        (".html", "<p>Rebuild it anew.</p>\n"),
    ],
)
def test_a_banned_phrase_is_found_in_each_kind_of_file(tmp_path: Path, suffix: str, source: str) -> None:
    path = tmp_path / f"file{suffix}"
    path.write_text(source)
    assert len(list(banned_in(TEXTS_OF[suffix](path)))) == 1


def test_code_is_not_prose(tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    path.write_text("anew = 'anew'\n")
    assert list(banned_in(python_texts(path))) == []
