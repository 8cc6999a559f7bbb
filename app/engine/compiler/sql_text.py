"""Writes SQL text: literals, comments and indentation."""


def literal(text: str) -> str:
    """A string constant that means the same whether or not a session treats backslashes as escapes."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def indent(query: str) -> str:
    """Indent a query that stands in another."""
    return "\n".join(f"    {line}" for line in query.splitlines())


def comment(on: str, text: str) -> str:
    return f"comment on {on} is {literal(text)};"
