"""The command line of a stage or tool: its parser, with help that shows examples and names a page of docs/."""

import argparse
import sys
from collections.abc import Iterable


def command_parser(command: str, doc: str | None, page: str) -> argparse.ArgumentParser:
    """Returns a parser without arguments yet.

    Args:
        command: what a person types, such as `python -m src score`.
        doc: the docstring of the module: a first paragraph that says what the command does, then examples.
        page: the page of docs/ about the command, without `.md`.
    """
    description, _, examples = (doc or "").partition("\n\n")
    return argparse.ArgumentParser(
        prog=command,
        description=" ".join(description.split()),
        epilog=f"{examples.rstrip()}\n\nDocumentation: docs/{page}.md",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def warn(warnings: Iterable[str]) -> None:
    """Prints warnings on standard error, a line each."""
    for warning in warnings:
        print(f"WARNING: {warning}", file=sys.stderr)
