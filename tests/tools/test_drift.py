"""drift: files of representations in, tables and a figure out.

pytest tests/tools/test_drift.py
"""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from src.representations.states_file import Representations, write
from tests.representations.test_states_file import ABOUT
from tests.tools.conftest import Tool

BASE = np.random.default_rng(0).normal(size=(12, 3, 5)).astype(np.float32)


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base, and full, lora and frozen of seeds 1 to 3: the more they learn, the more noise is in them."""
    monkeypatch.chdir(tmp_path)
    save("base", BASE)
    for seed in (1, 2, 3):
        noise = np.random.default_rng(seed).normal(size=BASE.shape) * np.arange(3)[:, None]
        for name, amount in (("full", 0.5), ("lora", 0.1), ("frozen", 0.0)):
            save(f"{name}-{seed}", BASE + np.float32(amount) * noise.astype(np.float32))


def save(name: str, states: np.ndarray, **changes: object) -> None:
    about = replace(ABOUT, ids=[str(i) for i in range(len(states))], **changes)  # type: ignore[arg-type]
    write(Path(f"{name}.safetensors"), Representations(states, about))


ALL = [f"{name}={name}-*.safetensors" for name in ("full", "lora", "frozen")]


def test_systems_over_seeds_stand_beside_one_another_with_their_tests(tool: Tool) -> None:
    ended = tool("drift", "--base", "base.safetensors", *ALL)
    assert ended.status == 0
    lines = ended.out.splitlines()
    assert re.split(" {2,}", lines[0])[:4] == ["layer", "full 1 - CKA", "full cosine", "lora 1 - CKA"]
    assert [line.split()[0] for line in lines[2:5]] == ["embeddings", "1", "2"]
    assert lines[2].split()[1:] == ["0.0000", "±", "0.0000", "1.0000", "±", "0.0000"] * 3
    assert sum(line.startswith("full   lora") for line in lines) == 6
    assert ended.err.count("seeds in common: 3; the paired t-test") == 3


def test_json_has_all_digits_and_the_order_full_above_lora_above_frozen(tool: Tool) -> None:
    found = json.loads(tool("drift", "--base", "base.safetensors", *ALL, "--json").out)
    assert len(found["means"]) == 9
    by_system = {row["system"]: row for row in found["means"] if row["layer"] == 2}
    assert by_system["full"]["cka_distance"] > by_system["lora"]["cka_distance"] > 0
    assert by_system["frozen"]["cka_distance"] == by_system["frozen"]["cka_distance_sd"] == 0
    tested = {(t["first"], t["second"], t["measure"], t["layer"]): t for t in found["tests"]}
    assert tested["full", "lora", "cka_distance", 0]["seeds"] is None
    assert (
        tested["full", "lora", "cka_distance", 2]["p_holm"] >= tested["full", "lora", "cka_distance", 2]["seeds"]["p"]
    )


def test_each_seed_may_have_a_base_of_its_own(tool: Tool) -> None:
    for seed in (1, 2, 3):
        Path(f"full-{seed}.safetensors").rename(f"base-{seed}.safetensors")
        save(f"full-{seed}", BASE)
    Path("lora-1.safetensors").write_bytes(Path("base-1.safetensors").read_bytes())
    found = json.loads(tool("drift", "--base", "base-*.safetensors", "lora=lora-[1].safetensors", "--json").out)
    assert max(row["cka_distance"] for row in found["means"]) == 0
    Path("base-1.safetensors").unlink()
    ended = tool("drift", "--base", "base-*.safetensors", "lora=lora-*.safetensors")
    assert ended.status == 2
    assert "lora-1.safetensors has seed '1', but --base only has the seeds 2, 3" in ended.err


def test_the_figure_is_written_in_both_forms(tool: Tool) -> None:
    assert tool("drift", "--base", "base.safetensors", *ALL, "--figures", "figures").status == 0
    assert Path("figures/drift.png").read_bytes().startswith(b"\x89PNG")
    assert Path("figures/drift.pdf").read_bytes().startswith(b"%PDF")


def test_where_the_figure_cannot_be_written_nothing_is_printed(tool: Tool) -> None:
    Path("figures").write_text("")
    ended = tool("drift", "--base", "base.safetensors", "full=full-1.safetensors", "--figures", "figures")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("error: ")


def test_a_base_that_cannot_be_checked_is_warned_of(tool: Tool) -> None:
    save("full-1", BASE + 1, start=None)
    ended = tool("drift", "--base", "base.safetensors", "full=full-[12].safetensors")
    assert ended.status == 0
    assert "WARNING: full-1.safetensors: the start of training is unknown" in ended.err


def test_fewer_examples_than_width_are_warned_of(tool: Tool) -> None:
    rng = np.random.default_rng(5)
    save("base", rng.normal(size=(10, 2, 40)).astype(np.float32))
    save("a", rng.normal(size=(10, 2, 40)).astype(np.float32))
    ended = tool("drift", "--base", "base.safetensors", "a=a.safetensors")
    assert "WARNING: 10 examples of width 40: with fewer examples than width, CKA is biased towards 1" in ended.err


@pytest.mark.parametrize(
    ("systems", "words"),
    [
        (["a=none-*"], "nothing matches none-*"),
        (["full-1.safetensors"], "is not NAME=GLOB; example: ours='runs/ours-*.safetensors'"),
        (["a=weights"], "weights is not a file of representations, or is truncated: its metadata lack 'about'"),
        (["a=started.safetensors"], "its training started from tiny, seed 7, but the base is tiny, seed 1; make the"),
        (["a=text"], "text is not a file of representations"),
        (["a=step-*.safetensors"], "the files of a are of different steps (2, 10, the end)"),
        (["a=others.safetensors"], "others.safetensors cannot be compared with base.safetensors: they contain diff"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_in_one_line(systems: list[str], words: str, tool: Tool) -> None:
    Path("text").write_text("text")
    save_file({"states": BASE}, "weights")
    save("started", BASE, start="tiny, seed 7")
    for step in (10, 2, None):
        save(f"step-{step}", BASE, step=step)
    save("others", BASE[:5])
    ended = tool("drift", "--base", "base.safetensors", *systems)
    assert ended.status == 2
    assert ended.out == ""
    assert ended.err.startswith("error: ")
    assert words in ended.err
    assert len(ended.err.splitlines()) == 1
