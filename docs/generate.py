"""Writes docs/configuration.md and docs/cli.md from the code: `python -m docs.generate`, or `make docs`."""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import click
import msgspec
from msgspec import Meta, Struct

from app import settings
from app.cli.catalog import main as catalog
from app.settings import Settings

HERE = Path(__file__).parent
COLUMNS = 80
"""The width of help texts, as in a plain terminal."""
UNITS = {"SECONDS": " seconds", "MIB": " MiB"}
"""By the last part of a variable's name."""

CONFIGURATION = """# Configuration

`make docs` writes this page from `app/settings.py`; do not edit it.

All settings come from the environment and are read once, at the start. An empty variable counts as unset.
A value that cannot be used stops the start with a message that names the variable.
"""

OTHER_VARIABLES = """
## Other variables

| variable | meaning |
|---|---|
| `TMPDIR` | The folder for imports while they arrive. |
| `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_EXPORTER` | Switch on traces: see [operations](operations.md#traces). |
| `PGPASSWORD`, `PGSSLMODE`, … | libpq's own variables apply to `DATABASE_URL`. |
"""

CLI = """# The console

`make docs` writes this page from the help texts of the commands; do not edit it.

`make setup` installs the command as `.venv/bin/catalog`.
`catalog --help` and `catalog COMMAND --help` print the same help.

Answers go to stdout, everything else to stderr. With `--json`, stdout has JSON and nothing else.
A command that succeeds exits with 0. It exits with 1 for an error, or for a reason that its help names.
It exits with 2 for wrong arguments, and with 130 after an interrupt.

Every command uses the database of `DATABASE_URL`, or else an embedded one, and names it on stderr.
If `DATABASE_DIRECT_URL` is set, only the requests of `serve` use `DATABASE_URL`.
[Configuration](configuration.md) lists the variables.
"""


def main() -> None:
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """The text of each generated page, by its file name."""
    return {"configuration.md": configuration_page(), "cli.md": cli_page()}


class Setting(Struct, frozen=True):
    """One row of the table."""

    variable: str
    values: str
    default: str
    meaning: str


def configuration_page() -> str:
    rows = [f"| `{each.variable}` | {each.values} | {each.default} | {each.meaning} |" for each in all_settings()]
    table = "\n".join(["| variable | values | default | meaning |", "|---|---|---|---|", *rows])
    return f"{CONFIGURATION}\n{table}\n{OTHER_VARIABLES}"


def all_settings() -> Iterator[Setting]:
    """Every field of Settings, in its order, by the string below it."""
    kinds = get_type_hints(Settings, include_extras=True)
    documented = docstrings(Settings)
    for field in msgspec.structs.fields(Settings):
        variable, _, meaning = " ".join(documented[field.name].split()).partition(": ")
        assert meaning, f"the docstring of {field.name} begins with its variable and a colon"
        values = values_of(kinds[field.name]) + UNITS.get(variable.rpartition("_")[2], "")
        yield Setting(variable, values, shown(field.default), as_sentence(meaning))


def docstrings(struct: type[Struct]) -> dict[str, str]:
    """The string below each field of a struct."""
    (body,) = [
        node.body
        for node in ast.parse(inspect.getsource(settings)).body
        if isinstance(node, ast.ClassDef) and node.name == struct.__name__
    ]
    found = {}
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(below, ast.Expr), f"{field.target.id} has no string below it"
            found[field.target.id] = str(ast.literal_eval(below.value))
    return found


def values_of(kind: Any) -> str:
    """What a setting may be."""
    metas = [each for each in get_args(kind) if isinstance(each, Meta)]
    if described := [meta.description for meta in metas if meta.description]:
        return described[0].replace("|", r"\|")
    match get_origin(kind):
        case origin if origin in (Union, UnionType):
            return " or ".join(values_of(each) for each in get_args(kind) if each is not NoneType)
        case origin if origin is Literal:
            return " or ".join(f"`{each}`" for each in get_args(kind))
        case origin if origin is Annotated:
            (meta,) = metas
            return f"{meta.ge:,g} to {meta.le:,g}"
    return {str: "text", Path: "a folder"}[kind]


def shown(default: object) -> str:
    if default in (None, ""):
        return ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def as_sentence(text: str) -> str:
    """With a capital, unless it begins with code."""
    return text[0].upper() + text[1:]


def cli_page() -> str:
    whole = click.Context(catalog, info_name="catalog", terminal_width=COLUMNS, **catalog.context_settings)
    commands = sorted(catalog.commands.items())
    summary = [f"| [`{name}`](#catalog-{name}) | {summary_of(command)} |" for name, command in commands]
    parts = [CLI, "\n".join(["| command | purpose |", "|---|---|", *summary]), help_block(catalog, whole)]
    for name, command in commands:
        context = click.Context(command, info_name=name, parent=whole, terminal_width=COLUMNS)
        parts += [f"## catalog {name}", help_block(command, context)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def summary_of(command: click.Command) -> str:
    """The first paragraph of a command's help."""
    first, *_ = inspect.cleandoc(command.help or "").split("\n\n")
    return " ".join(first.split()).replace("|", r"\|")


def help_block(command: click.Command, context: click.Context) -> str:
    lines = command.get_help(context).splitlines()
    return "\n".join(["```text", *map(str.rstrip, lines), "```"])


if __name__ == "__main__":
    main()
