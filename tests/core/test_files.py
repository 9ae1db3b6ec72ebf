"""Files are whole or absent, JSON has no NaN, YAML is YAML 1.2.

pytest tests/core/test_files.py
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.core.files import atomic_folder, digest, read_json, read_yaml, write_csv, write_json, write_lines
from src.core.user_errors import UserError


class BrokenError(Exception):
    """What a failing generator raises."""


def broken_lines() -> Iterator[str]:
    yield "new"
    raise BrokenError


def tree(folder: Path) -> dict[str, bytes | None]:
    """All that a folder holds, hidden files included: {path: bytes, or None for a folder}."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_lines_are_utf8_and_each_ends_with_one_line_feed(tmp_path: Path) -> None:
    write_lines(tmp_path / "new" / "folder" / "a.txt", ["שבר", "b"])
    assert (tmp_path / "new/folder/a.txt").read_bytes() == b"\xd7\xa9\xd7\x91\xd7\xa8\nb\n"


def test_the_lines_of_a_cell_stay_in_it(tmp_path: Path) -> None:
    cells = ["a\u2028b", "a\x85b", "a\x0cb", "a\nb", "a\r\nb", ""]
    write_csv(tmp_path / "a.csv", ["x", "y"], [[cell, 1] for cell in cells])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["x", "y"], *([cell, "1"] for cell in cells)]
    assert (tmp_path / "a.csv").read_bytes().endswith(b"\n,1\n")


def test_writing_replaces_the_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.txt", ["old", "old"])
    write_lines(tmp_path / "a.txt", ["new"])
    assert tree(tmp_path) == {"a.txt": b"new\n"}


def test_lines_that_fail_leave_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.txt", ["old"])
    with pytest.raises(BrokenError):
        write_lines(tmp_path / "a.txt", broken_lines())
    assert tree(tmp_path) == {"a.txt": b"old\n"}


def test_lines_that_fail_leave_no_file_where_there_was_none(tmp_path: Path) -> None:
    with pytest.raises(BrokenError):
        write_lines(tmp_path / "a.txt", broken_lines())
    assert tree(tmp_path) == {}


def test_the_old_file_stays_in_place_until_the_last_line_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_lines(path, ["old"])
    seen: list[bytes] = []

    def lines() -> Iterator[str]:
        yield "new"
        seen.append(path.read_bytes())

    write_lines(path, lines())
    assert seen == [b"old\n"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.0, {"x": float("-inf")}]])
def test_json_with_a_number_that_json_lacks_is_refused_and_the_old_file_stays(tmp_path: Path, value: Any) -> None:
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", value)
    assert tree(tmp_path) == {"a.json": b"1\n"}


def test_json_keeps_hebrew_readable_and_comes_back_equal(tmp_path: Path) -> None:
    value = {"אבד": [1, 2.5, None, True, 'צה"ל']}
    write_json(tmp_path / "a.json", value)
    assert "אבד" in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert read_json(tmp_path / "a.json") == value


def test_a_folder_takes_the_place_of_the_old_one_whole(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stale.txt").write_text("stale")
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text("new")
        assert (tmp_path / "out" / "stale.txt").exists(), "the old folder went before the new one was complete"
    assert tree(tmp_path) == {"out": None, "out/sub": None, "out/sub/a.txt": b"new"}


def test_a_folder_that_fails_leaves_the_old_one_and_no_temporary_one(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("old")

    def fail() -> None:
        with atomic_folder(tmp_path / "out") as folder:
            (folder / "a.txt").write_text("new")
            raise BrokenError

    with pytest.raises(BrokenError):
        fail()
    assert tree(tmp_path) == {"out": None, "out/a.txt": b"old"}


def test_what_a_killed_run_left_behind_does_not_get_into_the_folder(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "out") as folder:
        left_behind = folder.name
    (tmp_path / left_behind).mkdir()
    (tmp_path / left_behind / "half.txt").write_text("half")
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "a.txt").write_text("new")
    assert tree(tmp_path) == {"out": None, "out/a.txt": b"new"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-05", 3e-05),
        ("1E3", 1000.0),
        ("[off, on, yes, no]", ["off", "on", "yes", "no"]),
        ("[true, 1, 1.0, '1', null, ~]", [True, 1, 1.0, "1", None, None]),
        ("010", 10),
        ("{}", {}),
        ("", None),
    ],
)
def test_yaml_is_read_as_yaml_1_2(tmp_path: Path, text: str, value: Any) -> None:
    (tmp_path / "a.yaml").write_text(text)
    found = read_yaml(tmp_path / "a.yaml")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"a: [1", "is not YAML: "),
        (b"a: 1\na: 2\n", 'found duplicate key "a"'),
        (b"a: 1\n---\nb: 2\n", "is not YAML: "),
        (b"a: !!python/name:os.system x", "is not YAML: "),
        (b"a: \xf9\xec\xe5\xed", "is not UTF-8: invalid"),
        (b"a: 2020-13-45\n", "is not YAML: "),
    ],
    ids=["open list", "key twice", "two documents", "python object", "cp1255", "no such month"],
)
def test_a_file_that_is_not_yaml_is_an_expected_error(tmp_path: Path, text: bytes, complaint: str) -> None:
    (tmp_path / "a.yaml").write_bytes(text)
    with pytest.raises(UserError) as error:
        read_yaml(tmp_path / "a.yaml")
    assert str(error.value).startswith(f"{tmp_path / 'a.yaml'} is not ")
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("text", "complaint"), [(b"{", "is not JSON: "), (b"", "is not JSON: "), (b'"\xf9"', "is not UTF-8: ")]
)
def test_a_file_that_is_not_json_is_an_expected_error(tmp_path: Path, text: bytes, complaint: str) -> None:
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(UserError) as error:
        read_json(tmp_path / "a.json")
    assert str(error.value).startswith(f"{tmp_path / 'a.json'} {complaint}")


@pytest.mark.parametrize("read", [read_yaml, read_json])
def test_a_file_that_is_not_there_is_an_expected_error(tmp_path: Path, read: Any) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "nothing", tmp_path / "file" / "below"):
        with pytest.raises(UserError) as error:
            read(path)
        assert str(error.value) == f"{path} does not exist"


@pytest.mark.parametrize("read", [read_yaml, read_json])
def test_a_folder_in_the_place_of_a_file_is_an_expected_error(tmp_path: Path, read: Any) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path)
    assert str(error.value).startswith(str(tmp_path))


def test_a_digest_tells_settings_and_files_from_others(tmp_path: Path) -> None:
    for name, content in (("a", "1"), ("same", "1"), ("b", "2")):
        (tmp_path / name).write_text(content)
    found = digest({"x": 1, "y": 2}, [tmp_path / "a"])
    assert len(found) == 16
    assert found == digest({"y": 2, "x": 1}, [tmp_path / "same"])
    others = [
        digest({"x": 1}, [tmp_path / "a"]),
        digest({"x": 1, "y": 2}, [tmp_path / "b"]),
        digest({"x": 1, "y": 2}, []),
    ]
    assert len({found, *others}) == 4
