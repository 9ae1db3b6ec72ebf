"""Groups, means and deviations, against figures by hand and by numpy; and the tables made of them.

pytest tests/analysis/test_grouping.py
"""

import csv
import io
import json
import random
import re
import statistics
from typing import Any

import numpy as np
import pytest

from src.analysis import comparison_table, tables
from src.analysis.grouping import Baseline, Comparison, Row, Run, Statistic, compare, flatten, score
from src.core.files import read_json
from src.core.user_errors import UserError
from tests.conftest import ROOT


def scores(seen: float, unseen: float | None = None, task: str = "cls", **baselines: float) -> dict[str, Any]:
    """metrics/evaluate.json with the figures that are compared; a baseline has the same on both splits."""
    metric = {"cls": "f1_macro", "span": "span_f1"}[task]

    def system(seen: float, unseen: float | None) -> dict[str, Any]:
        found: dict[str, Any] = {"test": {metric: seen}}
        return found | ({} if unseen is None else {"unseen": {metric: unseen}, "gap_absolute": seen - unseen})

    return {
        task: system(seen, unseen),
        "baselines": {task: {name: system(value, value) for name, value in baselines.items()}},
    }


def run(name: str, found: dict[str, Any] | None = None, created: float = 0.0, **params: Any) -> Run:
    """A run of tiny on cls; parameters of sections are written prepare__fold."""
    given = {"model": "tiny", "task": "cls", "seed": 1, "prepare.corpus": "sample", "prepare.fold": None}
    given |= {key.replace("__", "."): value for key, value in params.items()}
    return Run(name, given, scores(0.5, 0.4) if found is None else found, {"src/core/config.py": "a"}, created)


def only(comparison: Comparison) -> Row:
    [row] = comparison.rows
    return row


def seen(row: Row) -> Statistic:
    found = row.scores["seen"]
    assert found
    return found


def test_mean_and_sample_standard_deviation_are_those_by_hand() -> None:
    row = only(compare([run(f"r{value}", scores(value, value / 2), seed=value) for value in (2, 4, 9)]))
    # mean 15 / 3 = 5; deviations -3, -1, 4; squares 9 + 1 + 16 = 26; 26 / (3 - 1) = 13
    assert row.scores["seen"] == Statistic(5.0, pytest.approx(13**0.5), 3)
    assert row.scores["unseen"] == Statistic(2.5, pytest.approx((13 / 4) ** 0.5), 3)
    assert row.scores["gap"] == Statistic(2.5, pytest.approx((13 / 4) ** 0.5), 3)


def test_mean_and_sample_standard_deviation_are_those_of_numpy_and_statistics() -> None:
    draw = random.Random(3)
    values = [(draw.random(), draw.random()) for _ in range(17)]
    row = only(compare([run(f"r{seed}", scores(*pair), seed=seed) for seed, pair in enumerate(values)]))
    for column, figures in (
        ("seen", [a for a, _ in values]),
        ("unseen", [b for _, b in values]),
        ("gap", [a - b for a, b in values]),
    ):
        found = row.scores[column]
        assert found
        assert found.mean == pytest.approx(np.mean(figures))
        assert found.sd == pytest.approx(np.std(figures, ddof=1))
        assert found.sd == statistics.stdev(figures)


def test_a_single_run_has_no_deviation() -> None:
    assert seen(only(compare([run("a", scores(0.7, 0.6))]))) == Statistic(0.7, None, 1)


def test_runs_are_grouped_by_every_parameter_that_differs_but_the_seed() -> None:
    runs = [
        run(f"{model}-{epochs}-{seed}", scores(seed / 10), model=model, train__epochs=epochs, seed=seed)
        for model in ("tiny", "mbert")
        for epochs in (3, 10)
        for seed in (1, 2)
    ]
    rows = compare(runs).rows
    assert [row.settings for row in rows] == [
        {"model": "mbert", "train.epochs": 3},
        {"model": "mbert", "train.epochs": 10},
        {"model": "tiny", "train.epochs": 3},
        {"model": "tiny", "train.epochs": 10},
    ]
    assert all(seen(row).mean == pytest.approx(0.15) for row in rows)
    assert rows[0].over == ({"seed": 1}, {"seed": 2})


def test_what_is_averaged_over_can_be_chosen_and_the_seed_then_tells_groups_apart() -> None:
    runs = [run(f"{fold}-{seed}", prepare__fold=fold, seed=seed) for fold in range(3) for seed in (1, 2)]
    assert [(row.settings["seed"], len(row.runs)) for row in compare(runs, ["prepare.fold"]).rows] == [(1, 3), (2, 3)]
    assert len(only(compare(runs, ["prepare.fold", "seed"])).runs) == 6


def test_equal_numbers_of_another_type_are_one_value() -> None:
    runs = [run("a", seed=1, train__label_smoothing=0), run("b", seed=2, train__label_smoothing=0.0)]
    assert len(only(compare(runs)).runs) == 2


def test_the_order_of_experiments_changes_nothing() -> None:
    draw = random.Random(5)
    runs = [
        run(f"r{number}", scores(draw.random(), draw.random(), tfidf=draw.random()), created=draw.random(),
            model=draw.choice(["tiny", "mbert", "owner/name"]), seed=draw.randrange(4),
            train__learning_rate=draw.choice([None, 3e-05, 1]))
        for number in range(40)
    ]  # fmt: skip
    expected = compare(runs)
    assert expected.warnings
    for _ in range(20):
        draw.shuffle(runs)
        assert compare(runs) == expected


def test_of_two_runs_with_the_same_parameters_the_last_counts_and_both_are_named() -> None:
    comparison = compare([run("new", scores(0.9), created=2), run("old", scores(0.1), created=1)])
    assert seen(only(comparison)) == Statistic(0.9, None, 1)
    assert comparison.warnings == ["old, new have the same parameters; only the last, new, counts"]


def test_a_run_without_scores_is_named_and_left_out() -> None:
    comparison = compare([run("good", scores(0.9), seed=1), run("mute", {}, seed=2)])
    assert only(comparison).runs == ("good",)
    assert comparison.warnings == ["mute has no scores of task cls and is omitted"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "0.5", True])
def test_what_is_no_finite_number_is_no_score(value: Any) -> None:
    expected = 1.0 if value is True else None
    assert score({"test": {"f1_macro": value}}, "cls", "seen") == expected


def test_runs_without_any_scores_are_an_error_that_names_them() -> None:
    with pytest.raises(UserError, match=r"no experiment has scores.*mute has no scores of task cls"):
        compare([run("mute", {})])
    with pytest.raises(UserError, match="no experiment has finished successfully"):
        compare([])


def test_an_unknown_parameter_is_met_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown parameter 'prepare.flod', did you mean 'prepare.fold'\? Legal: "):
        compare([run("a")], ["prepare.flod"])


def test_groups_of_other_seeds_are_named_with_what_they_lack() -> None:
    runs = [run(f"tiny-{seed}", model="tiny", seed=seed) for seed in (1, 2, 3)]
    runs += [run(f"{model}-1", model=model, seed=1) for model in ("bert", "mbert")]
    runs += [run("roberta-4", model="roberta", seed=4)]
    assert compare(runs).warnings == [
        "groups have different runs: no run of seed=2; seed=3; seed=4 in cls (model=bert), cls (model=mbert)",
        "groups have different runs: no run of seed=1; seed=2; seed=3 in cls (model=roberta)",
        "groups have different runs: no run of seed=4 in cls (model=tiny)",
    ]


def test_runs_over_other_code_or_data_are_named() -> None:
    runs = [Run(f"r{seed}", run("", seed=seed).params, scores(0.5), {"src/tasks": "a", "data": "x"}) for seed in (1, 2)]
    runs.append(Run("r3", run("", seed=3).params, scores(0.5), {"src/tasks": "b", "data": "x"}))
    assert compare(runs).warnings == ["runs have different code or data: src/tasks in r3"]


def test_a_joint_model_gives_a_row_per_task_that_says_what_it_was_trained_on() -> None:
    joint = scores(0.8, 0.6) | {"span": scores(0.3, 0.1, task="span")["span"]}
    comparison = compare([run("joint", joint, task="cls+span"), run("alone", scores(0.7, 0.5))])
    assert [(row.task, row.metric, row.settings) for row in comparison.rows] == [
        ("cls", "f1_macro", {"task": "cls", "model": "tiny"}),
        ("cls", "f1_macro", {"task": "cls+span", "model": "tiny"}),
        ("span", "span_f1", {"task": "cls+span", "model": "tiny"}),
    ]
    assert [row.best for row in comparison.rows] == [frozenset(), {"seen", "unseen"}, frozenset()]
    half = compare([run("half", scores(0.8), task="cls+span")])
    assert half.warnings == ["half has no scores of task span and is omitted"]


def test_the_best_baseline_is_chosen_per_column() -> None:
    found = scores(0.9, 0.8, tfidf=0.7, majority=0.3)
    found["baselines"]["cls"]["majority"]["unseen"]["f1_macro"] = 0.75
    assert only(compare([run("a", found)])).baselines == {"seen": Baseline("tfidf", 0.7),
                                                          "unseen": Baseline("majority", 0.75)}  # fmt: skip
    assert only(compare([run("a", scores(0.9))])).baselines == {"seen": None, "unseen": None}


def test_a_baseline_is_averaged_over_the_runs_as_folds_have_one_each() -> None:
    runs = [run(f"r{fold}", scores(0.9, 0.8, tfidf=fold / 10), prepare__fold=fold) for fold in (1, 2)]
    assert only(compare(runs, ["prepare.fold"])).baselines["seen"] == Baseline("tfidf", pytest.approx(0.15))


def test_the_best_is_marked_within_one_task_on_one_corpus() -> None:
    runs = [
        run("a", scores(0.9, 0.1), model="a"),
        run("b", scores(0.8, 0.2), model="b"),
        run("c", scores(0.99, 0.99), model="a", prepare__corpus="other"),
        run("d", scores(0.3, 0.3), model="b", prepare__corpus="other"),
        run("e", scores(0.5, 0.5), model="e", prepare__corpus="third"),
    ]
    best = {row.runs[0]: set(row.best) for row in compare(runs).rows}
    assert best == {"a": {"seen"}, "b": {"unseen"}, "c": {"seen", "unseen"}, "d": set(), "e": set()}


def test_equal_means_are_both_the_best() -> None:
    rows = compare([run(model, scores(0.5, 0.4), model=model) for model in "ab"]).rows
    assert [row.best for row in rows] == [{"seen", "unseen"}] * 2


def test_the_metrics_that_the_pipeline_writes_are_read() -> None:
    written = read_json(ROOT / "metrics/evaluate.json")
    row = only(compare([run("a", written)]))
    assert seen(row).mean == written["cls"]["test"]["f1_macro"]
    assert row.scores["gap"] == Statistic(written["cls"]["gap_absolute"], None, 1)
    assert row.baselines["unseen"] == Baseline("tfidf", written["baselines"]["cls"]["tfidf"]["unseen"]["f1_macro"])


def test_parameters_of_sections_get_dotted_names() -> None:
    assert flatten({"a": {"b": {"c": [1, [2]]}, "d": {}}, "e": None}) == {"a.b.c": (1, (2,)), "e": None}


@pytest.fixture
def comparison() -> Comparison:
    """Two models on two seeds, one of them with a name that every format must escape; unseen of one run alone."""
    return compare(
        [
            run("a1", scores(0.6, 0.5, tfidf=0.55), seed=1),
            run("a2", scores(0.8, 0.5, tfidf=0.55), seed=2),
            run("b1", scores(0.5, 0.6, tfidf=0.55), seed=1, model="o_w/50%|x"),
            run("b2", scores(0.5, tfidf=0.55), seed=2, model="o_w/50%|x"),
        ]
    )


def test_the_table_for_the_terminal(comparison: Comparison) -> None:
    assert comparison_table.FORMATS["text"](comparison, []) == (
        "task  model      metric    runs  seen             best baseline  unseen             best baseline  gap\n"
        "----  ---------  --------  ----  ---------------  -------------  -----------------  -------------  ----------------\n"  # noqa: E501
        "cls   o_w/50%|x  f1_macro  2     0.500 ± 0.000    0.550 tfidf    0.600 (runs: 1) *  0.550 tfidf    -0.100 (runs: 1)\n"  # noqa: E501
        "cls   tiny       f1_macro  2     0.700 ± 0.141 *  0.550 tfidf    0.500 ± 0.000      0.550 tfidf    +0.200 ± 0.141\n"  # noqa: E501
        "* the best mean of this task on the same data"
    )


def without_padding(table: str) -> str:
    """A table whose columns are not aligned."""
    return re.sub(" {2,}", " ", table)


def test_the_table_of_markdown(comparison: Comparison) -> None:
    lines = without_padding(comparison_table.FORMATS["md"](comparison, [])).splitlines()
    assert lines[0] == "| task | model | metric | runs | seen | best baseline | unseen | best baseline | gap |"
    assert re.fullmatch(r"\|(-+\|){9}", lines[1])
    assert r"| o_w/50%\|x | f1_macro |" in lines[2]
    assert "| **0.700** ± 0.141 |" in lines[3]


def test_the_table_of_latex(comparison: Comparison) -> None:
    table = without_padding(comparison_table.FORMATS["latex"](comparison, []))
    assert table.startswith("\\begin{tabular}{lllllllll}\n\\toprule\n")
    assert table.endswith("\\bottomrule\n\\end{tabular}")
    assert r"cls & o\_w/50\%\textbar{}x & f1\_macro & 2 & 0.500 $\pm$ 0.000 & 0.550 tfidf &" in table
    assert r"\textbf{0.700} $\pm$ 0.141 &" in table
    assert all(line.endswith(r" \\") and line.count(" & ") == 8 for line in table.splitlines() if "&" in line)


def test_every_special_character_of_latex_is_escaped() -> None:
    assert tables.LATEX.escape("a&%$#_{}\\~^b") == (
        r"a\&\%\$\#\_\{\}\textbackslash{}\textasciitilde{}\textasciicircum{}b"
    )


def test_csv_has_full_precision_and_empty_fields_for_what_is_absent(comparison: Comparison) -> None:
    first, second = csv.DictReader(io.StringIO(comparison_table.FORMATS["csv"](comparison, [])))
    assert float(second["seen_mean"]) == statistics.fmean([0.6, 0.8])
    assert float(second["seen_sd"]) == statistics.stdev([0.6, 0.8])
    assert (first["model"], first["runs"], first["unseen_sd"], first["seen_baseline"]) == (
        "o_w/50%|x",
        "2",
        "",
        "tfidf",
    )


def test_json_has_full_precision_and_refuses_what_json_has_no_word_for(comparison: Comparison) -> None:
    found = json.loads(comparison_table.as_json(comparison, []))
    assert found["warnings"] == comparison.warnings
    row = found["rows"][1]
    assert row["scores"]["seen"] == {
        "mean": statistics.fmean([0.6, 0.8]),
        "sd": statistics.stdev([0.6, 0.8]),
        "runs": 2,
    }
    assert row["best"] == ["seen"]
    assert row["over"] == [{"seed": 1}, {"seed": 2}]
    bad = compare([run("a", train__x=float("nan")), run("b", model="b")])
    with pytest.raises(ValueError, match="not JSON compliant"):
        comparison_table.as_json(bad, [])


def test_the_column_of_a_joint_model_has_a_heading_of_its_own() -> None:
    joint = compare([run("a", scores(0.8) | {"span": scores(0.3, task="span")["span"]}, task="cls+span")])
    assert comparison_table.FORMATS["text"](joint, []).startswith("task  trained on  model")
    assert comparison_table.FORMATS["csv"](joint, []).startswith("task,trained_on,model,")


def test_what_looks_on_or_judges_parts_no_groups() -> None:
    runs = [
        run(
            "a",
            seed=1,
            train__represent__steps=(0, 10),
            train__health__fail_on="never",
            train__trainer__report_to=("x",),
        ),
        run("b", seed=2, train__represent__steps=(), train__health__fail_on="red_flag"),
    ]
    assert only(compare(runs)).runs == ("a", "b")
