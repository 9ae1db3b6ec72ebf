"""The generated pages of the reference.

pytest tests/docs/test_reference.py
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ruamel.yaml import YAML

from docs import reference
from src.corpora.corpus_file import Corpus
from tests.project import ROOT


def keys(section: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in section.items():
        yield prefix + name
        if isinstance(value, Mapping) and prefix + name not in ("hpo.space", "cost.per_hour"):
            yield from keys(value, f"{prefix}{name}.")


def test_the_page_of_parameters_has_every_key_with_its_value_its_limits_and_its_comment() -> None:
    page = reference.params()
    for key in keys(YAML(typ="safe", pure=True).load(ROOT / "params.yaml")):
        assert f"| `{key}` |" in page or f"## {key}\n" in page, key
    (row,) = (line for line in page.splitlines() if line.startswith("| `train.stride` |"))
    assert "| `32` | whole number, at least 0 | Overlap of neighbouring windows" in row


def test_the_page_of_a_corpus_has_every_key() -> None:
    page = reference.corpus()
    assert all(f"| `{key}` |" in page for key in Corpus.model_fields)
    assert "| `leaks` | `error` | `error`, `drop` |" in page


def test_a_metric_without_a_definition_stops_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "| `f1_macro` |" in reference.metrics()
    monkeypatch.delitem(reference.METRICS["cls"], "ece")
    with pytest.raises(ValueError, match="ece"):
        reference.metrics()


def test_the_page_of_files_has_every_output_of_every_stage() -> None:
    page = reference.files()
    stages = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")["stages"]
    for stage in stages.values():
        assert all(f"`{out}`" in page for out in stage["outs"])
    assert "`metrics/evaluate.json` *in Git*" in page


def test_the_page_of_tools_has_the_help_of_every_tool_and_of_its_commands() -> None:
    page = reference.tools()
    tools = [path.stem for path in (ROOT / "src/tools").glob("*.py") if path.stem != "__init__"]
    assert all(f"\n## {tool}\n\n```text\nusage: python -m src {tool} " in page for tool in tools)
    assert "\nusage: python -m src corpus new " in page
