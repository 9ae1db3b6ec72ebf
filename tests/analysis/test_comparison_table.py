"""The tests of pairs as tables; tests/analysis/test_grouping.py has the table of means.

pytest tests/analysis/test_comparison_table.py
"""

import csv
import io
import json
import math
import re
from dataclasses import replace

import pytest
from hypothesis import given, strategies

from src.analysis import comparison_table
from src.analysis.comparison_table import FORMATS, marked
from src.analysis.grouping import Comparison, Run, compare
from src.analysis.significance import Pair, Seeds

NOTHING = Comparison([], [])
ONE = Pair(
    task="cls", split="test", first="ours, lr=1", second="o_w|50%", metric="f1_macro", difference=0.1234567,
    interval=(-0.05, 0.31234), test="bootstrap", p=0.0123, runs=3, seeds=Seeds(2.5, 0.04, 1.4434), p_holm=0.0246,
    seeds_p_holm=0.08,
)  # fmt: skip
OTHER = replace(
    ONE, split="unseen", difference=-0.5, test="mcnemar", p=0.0001, p_holm=0.0002, runs=1, seeds=None, seeds_p_holm=None
)


def test_the_tests_for_the_terminal() -> None:
    assert [" ".join(line.split()) for line in FORMATS["text"](NOTHING, [ONE, OTHER]).splitlines()] == [
        "task split metric first second difference 95 % test p seeds t-test p d_z",
        "---- ------ -------- ---------- ------- ---------- ---------------- --------- --------- ----- -------- -----",
        "cls test f1_macro ours, lr=1 o_w|50% +0.123 [-0.050, +0.312] bootstrap .025 * 3 .080 +1.44",
        "cls unseen f1_macro ours, lr=1 o_w|50% -0.500 [-0.050, +0.312] mcnemar <.001 *** 1 - -",
        "p: corrected by Holm; * < .05, ** < .01, *** < .001; mcnemar tests correct rows, bootstrap tests the metric",
    ]


def test_the_tests_of_markdown_and_latex_are_escaped() -> None:
    lines = re.sub(" {2,}", " ", FORMATS["md"](NOTHING, [ONE, OTHER])).splitlines()  # columns are aligned
    assert r"| o_w\|50% | +0.123 | [-0.050, +0.312] | bootstrap | .025 \* | 3 |" in lines[2]
    assert r"| mcnemar | \<.001 \*\*\* | 1 | - | - |" in lines[3]
    assert all(line.replace(r"\|", "").count("|") == 13 for line in lines[:4])
    latex = re.sub(" {2,}", " ", FORMATS["latex"](NOTHING, [ONE, OTHER]))
    assert r"& first & second & difference & 95 \% & test & p & seeds & t-test p & d\_z \\" in latex
    assert r"o\_w\textbar{}50\% & +0.123 &" in latex
    assert r"& \textless{}.001 *** & 1 & - & - \\" in latex
    assert latex.splitlines()[-1].startswith("% p: corrected by Holm")


def test_means_and_tests_are_two_tables_and_one_without_rows_is_left_out() -> None:
    means = compare([Run("a", {"model": "a", "task": "cls", "seed": 1}, {"cls": {"test": {"f1_macro": 0.5}}})])
    for name in ("text", "md", "latex"):
        both, first, second = (FORMATS[name](*given) for given in ((means, [ONE]), (means, []), (NOTHING, [ONE])))
        assert both == f"{first}\n\n{second}"
        assert "corrected" not in first
        assert "best baseline" not in second


def test_csv_has_the_means_or_without_these_the_tests_in_full_precision() -> None:
    first, second = csv.DictReader(io.StringIO(FORMATS["csv"](NOTHING, [ONE, OTHER])))
    numbers = {name: float(first[name]) for name in ("difference", "low", "high", "p", "p_holm", "runs")}
    assert numbers == {"difference": 0.1234567, "low": -0.05, "high": 0.31234, "p": 0.0123, "p_holm": 0.0246, "runs": 3}
    seeds = {name: first[f"seeds_{name}"] for name in ("t", "p", "d_z", "p_holm")}
    assert seeds == {"t": "2.5", "p": "0.04", "d_z": "1.4434", "p_holm": "0.08"}
    assert {second[f"seeds_{name}"] for name in seeds} == {""}
    assert (first["first"], first["second"], second["split"], second["test"]) == (
        "ours, lr=1", "o_w|50%", "unseen", "mcnemar",
    )  # fmt: skip


def test_json_has_all_of_a_pair() -> None:
    first, second = json.loads(FORMATS["json"](NOTHING, [ONE, OTHER]))["pairs"]
    assert first["seeds"] == {"t": 2.5, "p": 0.04, "d_z": 1.4434}
    assert first["interval"] == [-0.05, 0.31234]
    assert second["seeds"] is None
    assert first.keys() == second.keys() == vars(ONE).keys()
    with pytest.raises(ValueError, match="not JSON compliant"):
        comparison_table.as_json(NOTHING, [replace(ONE, p_holm=math.nan)])


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (None, "-"), (1.0, "1.000"), (0.5, ".500"), (0.05, ".050"), (0.0499, ".050 *"), (0.01, ".010 *"),
        (0.0099, ".010 **"), (0.001, ".001 **"), (0.00099, "<.001 ***"), (0.0, "<.001 ***"),
    ],
)  # fmt: skip
def test_a_level_of_significance_must_be_undercut_for_its_star(p: float | None, expected: str) -> None:
    assert marked(p) == expected


@given(strategies.floats(0, 1))
def test_every_p_has_as_many_stars_as_levels_that_it_is_below(p: float) -> None:
    assert marked(p).count("*") == (p < 0.05) + (p < 0.01) + (p < 0.001)
