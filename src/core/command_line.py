"""The command line of a stage or tool. The help shows examples and names a page of docs/."""

import argparse
import sys
from collections.abc import Iterable


def command_parser(command: str, doc: str | None, page: str) -> argparse.ArgumentParser:
    """Returns a parser without arguments.

    Args:
        command: the command that a person types, such as `python -m src score`.
        doc: the docstring of the module: the first paragraph describes the command; examples follow.
        page: the name of its page in docs/, without `.md`.
    """
    description, _, examples = (doc or "").partition("\n\n")
    return argparse.ArgumentParser(
        prog=command,
        description=" ".join(description.split()),
        epilog=f"{examples.rstrip()}\n\nDocumentation: docs/{page}.md",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def warn(warnings: Iterable[str]) -> None:
    """Prints each warning as one line on standard error."""
    for warning in warnings:
        print(f"WARNING: {warning}", file=sys.stderr)
