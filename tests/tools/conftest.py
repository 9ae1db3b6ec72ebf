"""What the tests of tools share."""

from collections.abc import Callable

import pytest

from tests.conftest import Command, Ended
from tests.models.conftest import local_models, make

__all__ = ["local_models", "make"]  # fixtures

Tool = Callable[..., Ended]


@pytest.fixture
def tool(command: Command) -> Tool:
    """Runs a tool: tool("score", file, "--json")."""
    return lambda name, *arguments: command(f"tools.{name}", *arguments)
