"""The workflow of continuous integration: least permissions, pinned actions, the README's two commands.

pytest tests/test_workflow.py
"""

import re
from typing import Any

from ruamel.yaml import YAML

from tests.project import ROOT

WORKFLOW: dict[str, Any] = YAML(typ="safe", pure=True).load(ROOT / ".github/workflows/test.yml")
STEPS: list[dict[str, Any]] = WORKFLOW["jobs"]["test"]["steps"]


def test_it_may_read_the_code_and_nothing_else() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in WORKFLOW["jobs"]["test"]
    assert "secrets." not in (ROOT / ".github/workflows/test.yml").read_text()
    assert STEPS[0]["with"] == {"persist-credentials": False}


def test_every_action_is_pinned_by_the_hash_of_a_commit() -> None:
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"]) for step in STEPS if "uses" in step)


def test_it_runs_the_two_commands() -> None:
    assert [step["run"] for step in STEPS if "run" in step] == ["make repro", "make test"]
