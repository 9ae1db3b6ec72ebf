"""How many cases the fuzz tests run, from which seed, and what is broken in a case.

FUZZ_CASES=20000 FUZZ_SEED=1 pytest tests/fuzz -rP    # more cases, others; -rP shows the counts
"""

import contextlib
import io
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import hypothesis
from hypothesis import strategies

from src.core.command import run

CASES = int(os.environ.get("FUZZ_CASES", "1500"))  # in all tests of this folder together
SEED = int(os.environ.get("FUZZ_SEED", "0"))

TEXTS = [
    "", " ", "\t", "\n", "\r", "\r\n", '"', '"a', "'", ",", ";", "\\", "\x00", "\x1a", "\x1b[31m", "\u0085", "\u2028",
    "\ud800", "\udfff", "a\udc80b", "\ufeff", "\ufffe", "\u202e\u202d\u2066", "\u200f\u200e", "\u200b", "\u05bf",
    "e\u0301", "\u05e9\u05c1\u05b8", "\u1100\u1161", "😀👩‍👩‍👧‍👦🏳️‍🌈", "שבר the 冰 лёд", "צה\"ל", "א־ב", "١٢", "²", "Ⅷ",
    "א" * 100_000, "ab " * 33_334, "\u0301" * 1000, "-1", "0", "1", "1.5", "1e309", "-0", "nan", "inf", "9" * 5000,
    "true", "null", "~", "yes", "2020-13-45", "[", "[]", "[1, 2]", "[[0, 1]]", "[[0, 99999]]", "[[1, 0]]", "['a']",
    "['a', 1]", "{", "{}", '{"text": ["a"], "answer_start": [0]}', '{"text": 1, "answer_start": 2}', "[" * 3000,
    "(" * 300, "O", "B-", "I-IDIOM", "B-IDIOM", "__import__('os')", "../../../etc/passwd", "/etc/passwd", "..",
    "a/../../b", "=1+1", "<script>alert(1)</script>", "{{ 1 }}", "%s%n", "${x}", "*a", "&a [*a]", "!!python/none",
    "Literal", "Figurative", "train", "test", "unseen", "validation",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2**31, 2**63, 10**400, 0.5, 1.0, 1e-300, 1e300, float("nan"), float("inf"), [], {},
    [[]], [None], {"a": 1}, {"": None}, [1, "a"], ["a", "a"], {"a": {"b": [1]}}, [[0, 1]], [0.5, 0.5], ["O", "B-X"],
]  # fmt: skip
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7", "cp1255", "latin-1", "ascii", "hex",
             "rot13", "base64", "zlib", "idna", "punycode", "unicode_escape", "undefined", "", "a" * 300, "\x00",
             "ut\u0131f"]  # fmt: skip

texts = strategies.sampled_from(TEXTS) | strategies.text(max_size=20)
values = strategies.sampled_from(VALUES) | texts


def share(part: float) -> Callable[[Any], Any]:
    """Decorates a test that runs this part of all cases, from the seed."""
    cases = max(1, round(CASES * part))

    def decorate(test: Any) -> Any:
        settings = hypothesis.settings(
            max_examples=cases,
            derandomize=False,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        return settings(hypothesis.seed(SEED)(test))

    return decorate


@strategies.composite
def broken_bytes(draw: strategies.DrawFn, data: bytes) -> bytes:
    """Bytes with a part cut out, doubled, or replaced, or in another encoding."""
    start = draw(strategies.integers(0, len(data)))
    end = min(len(data), start + draw(strategies.integers(0, 40)))
    kind = draw(strategies.sampled_from(["cut", "double", "replace", "end", "encoding", "swap"]))
    if kind == "cut":
        return data[:start] + data[end:]
    if kind == "double":
        return data[:end] + data[start:]
    if kind == "end":
        return data[:start]
    if kind == "encoding":
        name = draw(strategies.sampled_from(["utf-16", "utf-8-sig", "utf-32", "cp1255", "utf-16-be"]))
        return data.decode("utf-8", "ignore").encode(name, "ignore")
    if kind == "swap":
        one, other = draw(
            strategies.permutations([b",", b";", b"\t", b"\n", b"\r\n", b'"', b" ", b"\x00", b"{", b"]"])
        )[:2]
        return data.replace(one, other)
    return data[:start] + draw(strategies.binary(max_size=8)) + data[end:]


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys that lead to every value in mappings and lists."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths_of(inner, (*path, key))


@strategies.composite
def broken_value(draw: strategies.DrawFn, value: Any) -> Any:
    """A nested value of which one part is replaced, dropped, or given a key more; it is changed in place."""
    paths = list(paths_of(value))
    if not paths:
        return value
    path = draw(strategies.sampled_from(paths))
    target = value
    for key in path[:-1]:
        target = target[key]
    kind = draw(strategies.sampled_from(["replace", "replace", "replace", "drop", "add"]))
    if kind == "drop":
        del target[path[-1]]
    elif kind == "add" and isinstance(target, dict):
        target[draw(texts)] = deepcopy(draw(values))
    else:
        target[path[-1]] = deepcopy(draw(values))
    return value


class Outcomes:
    """Counts how cases ended."""

    def __init__(self, what: str) -> None:
        self.what, self.counts = what, Counter[str]()

    def call(self, main: Callable[[], Any], *arguments: Any) -> str | None:
        """Runs a command; returns the one line that it was refused with, or None if it ended well."""
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict", write_through=True)
        err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)
        before, sys.argv = sys.argv, ["command", *map(str, arguments)]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                run(main)
            status = 0
        except SystemExit as end:
            status = end.code
        finally:
            sys.argv = before
        said = err.buffer.getvalue().decode()  # type: ignore[attr-defined]
        if status:
            assert status == 2, said
            (line,) = [line for line in said.splitlines() if not line.startswith("WARNING: ")]
            assert line.startswith("error: ")
            assert len(line) < 2100
            self.counts["refused"] += 1
            return line
        self.counts["ended well"] += 1
        return None

    def tell(self) -> None:
        counted = ", ".join(f"{number} {how}" for how, number in sorted(self.counts.items()))
        print(f"fuzz {self.what}: {sum(self.counts.values())} cases, seed {SEED}: {counted}")
