"""NAME=GLOB: what it matches, how runs are named, what is refused.

pytest tests/runs/test_systems.py
"""

from pathlib import Path

import pytest

from src.core.user_errors import UserError
from src.runs import systems
from tests.rows import label, words, write


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with files of one row each, whose id is their path."""
    for path in ("ours-1.jsonl", "ours-22.jsonl", "big/seed1.jsonl", "big/seed2.jsonl", "small/seed1.jsonl"):
        write(tmp_path / "runs" / path, [label(path, "a", "a")])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("runs/ours-*.jsonl", {"1": "ours-1.jsonl", "22": "ours-22.jsonl"}),
        ("runs/ours-?.jsonl", {"1": "ours-1.jsonl"}),
        ("./runs/ours-*.jsonl", {"1": "ours-1.jsonl", "22": "ours-22.jsonl"}),
        ("runs//ours-?.jsonl", {"1": "ours-1.jsonl"}),
        ("*/ours-?.jsonl", {"runs 1": "ours-1.jsonl"}),
        (
            "runs/*/seed?.jsonl",
            {"big 1": "big/seed1.jsonl", "big 2": "big/seed2.jsonl", "small 1": "small/seed1.jsonl"},
        ),
        ("runs/ours-1.jsonl", {"": "ours-1.jsonl"}),
        ("runs/ours-[12].jsonl", {"1": "ours-1.jsonl"}),
    ],
)
def test_a_run_is_named_by_what_stands_for_the_wildcards(pattern: str, expected: dict[str, str]) -> None:
    found = systems.runs(pattern)
    assert {name: [row.id for row in rows] for name, rows in found.items()} == {
        name: [path] for name, path in expected.items()
    }


def test_folders_of_any_depth_are_matched_and_told_apart() -> None:
    found = systems.runs("runs/**/seed*.jsonl")
    assert [name.split() for name in found] == [["big", "1"], ["big", "2"], ["small", "1"]]


def test_runs_that_would_share_a_name_are_named_by_their_paths(here: Path) -> None:
    for name in ("a b-c", "a-b c"):
        write(here / f"twins/{name}.jsonl", [label(name, "a", "a")])
    assert list(systems.runs("twins/*-*.jsonl")) == ["twins/a b-c.jsonl", "twins/a-b c.jsonl"]


def test_an_absolute_pattern_names_its_runs_like_a_relative_one(here: Path) -> None:
    assert systems.runs(str(here / "runs/ours-*.jsonl")) == systems.runs("runs/ours-*.jsonl")


def test_characters_that_mean_something_elsewhere_stand_for_themselves(here: Path) -> None:
    write(here / "a.b+(c)/x-1.jsonl", [label(1, "a", "a")])
    write(here / "aXb+(c)/x-2.jsonl", [label(2, "a", "a")])
    assert list(systems.runs("a.b+(c)/x-*.jsonl")) == ["1"]
    write(here / "[old] 1.jsonl", [label(3, "a", "a")])
    assert [row.id for row in systems.runs("[old] 1.jsonl")[""]] == ["3"]


def test_a_folder_is_one_run_of_all_its_files(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (1, 2):
        write(here / f"theirs/{seed}/test.jsonl", [label("x", "a", "a")])
        write(here / f"theirs/{seed}/unseen.jsonl", [label("x", "a", "a", split="unseen"), words("x", "B", "O")])
        (here / f"theirs/{seed}/notes.txt").write_text("no predictions")
    found = systems.runs("theirs/*")
    assert list(found) == ["1", "2"]
    assert [(row.task, row.split) for row in found["2"]] == [("cls", "test"), ("cls", "unseen"), ("span", "test")]
    assert systems.runs("theirs/1") == systems.runs("theirs/1/") == {"": found["1"]}
    monkeypatch.chdir(here / "theirs/1")
    assert systems.runs(".") == {"": found["1"]}


def test_systems_are_read_under_their_names_and_in_their_order() -> None:
    found = systems.read(["z=runs/big/*.jsonl", "שלנו=runs/ours-1.jsonl", "a=runs/small/seed?.jsonl"])
    assert [(name, list(runs)) for name, runs in found.items()] == [
        ("z", ["seed1", "seed2"]), ("שלנו", [""]), ("a", ["1"]),
    ]  # fmt: skip


def test_a_sign_of_equality_in_the_path_belongs_to_the_path(here: Path) -> None:
    write(here / "lr=3.jsonl", [label("1", "a", "a")])
    assert systems.read(["ours=lr=*.jsonl"])["ours"].keys() == {"3"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["runs/ours-1.jsonl"], "'runs/ours-1.jsonl' is not NAME=GLOB"),
        (["=runs/ours-1.jsonl"], "'=runs/ours-1.jsonl' is not NAME=GLOB"),
        (["ours="], "'ours=' is not NAME=GLOB"),
        (["a=runs/ours-1.jsonl", "a=runs/ours-22.jsonl"], "system 'a' is given twice"),
        (["a=runs/theirs-*.jsonl"], "nothing matches runs/theirs-*.jsonl"),
        (["a=/nowhere/*"], "nothing matches /nowhere/*"),
        (
            ["a=runs/**.jsonl"],
            r"runs/**.jsonl is not a valid pattern: Invalid pattern: '**' can only be an entire path",
        ),
        (["a=empty"], "empty is a folder without files of predictions"),
        (["a=bad.jsonl"], "bad.jsonl, line 1 is not a valid Prediction"),
    ],
)
def test_what_names_no_predictions_is_refused(given: list[str], message: str, here: Path) -> None:
    (here / "empty").mkdir()
    (here / "bad.jsonl").write_text("{}\n")
    with pytest.raises(UserError) as refused:
        systems.read(given)
    assert str(refused.value).startswith(message)
