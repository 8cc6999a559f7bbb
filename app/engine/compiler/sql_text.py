"""Text of SQL: literals, comments and indentation."""


def literal(text: str) -> str:
    """A string constant, the same whatever a session takes backslashes for."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def indent(query: str) -> str:
    """A query as a part of another."""
    return "\n".join(f"    {line}" for line in query.splitlines())


def comment(on: str, text: str) -> str:
    return f"comment on {on} is {literal(text)};"
