"""What the tests of tools share: a tool run in this process as its command line would."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

import pytest

from src.errors import run
from tests.conftest import Ended

Command = Callable[..., Ended]


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a tool: command("score", file, "--json")."""

    def call(name: str, *arguments: Any) -> Ended:
        module = importlib.import_module(f"src.tools.{name}")
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        capfd.readouterr()
        try:
            run(module.main)
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        return Ended(status, *capfd.readouterr())

    return call
