"""compare over the real dvc: a repository whose one stage writes scores at once, in the form of the pipeline's; and on
files of predictions.

pytest tests/tools/test_compare.py
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command, Ended
from tests.project import queue_is_empty
from tests.rows import LABELS, label, words, write

PARAMS = """\
model: tiny
task: cls
seed: 42
prepare: {corpus: sample, fold: null}
train: {epochs: 3, learning_rate: null, trainer: {}}
"""

PIPELINE = """\
stages:
  evaluate:
    cmd: python stage.py
    deps: [stage.py]
    params: [model, task, seed, prepare, train]
    outs: [metrics/evaluate.json: {cache: false}]
metrics: [metrics/evaluate.json]
"""

STAGE = """\
import json, os, pathlib, sys
from ruamel.yaml import YAML

params = YAML(typ="safe").load(pathlib.Path("params.yaml"))
if params["model"] == "broken" and not (pathlib.Path(os.environ["DVC_ROOT"]) / ".dvc/tmp/mended").exists():
    print(" 40%|####      | 4/10", file=sys.stderr)
    sys.exit("error: out of luck")
metrics = {"cls": "f1_macro", "span": "span_f1"}
scores = {"baselines": {}}
for task in params["task"].split("+"):
    seen = 0.5 + params["seed"] / 100 + 0.1 * (params["model"] == "large") - 0.05 * ("+" in params["task"])
    system = lambda seen, unseen: {
        "test": {metrics[task]: seen}, "unseen": {metrics[task]: unseen}, "gap_absolute": seen - unseen
    }
    scores[task] = system(seen, seen / 2)
    scores["baselines"][task] = {"majority": system(0.5, 0.5), "tfidf": system(0.75, 0.25)}
pathlib.Path("metrics").mkdir(exist_ok=True)
pathlib.Path("metrics/evaluate.json").write_text(json.dumps({} if params["model"] == "mute" else scores))
"""


def sh(command: str, cwd: Path) -> str:
    """Runs a command and returns what it printed."""
    done = subprocess.run(command, shell=True, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def finish(repository: Path) -> None:
    """Runs what is queued, on two workers."""
    sh("dvc queue start -j 2", repository)
    deadline = time.monotonic() + 600
    while not queue_is_empty(repository):
        assert time.monotonic() < deadline
        if "Running" not in sh("dvc queue status", repository):
            sh("dvc queue start -j 2", repository)  # workers that were about to end take nothing more
        time.sleep(0.5)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository after a grid of which all that can go wrong did; its last experiment is queued and not started."""
    folder = tmp_path_factory.mktemp("grid")
    for name, content in {"params.yaml": PARAMS, "dvc.yaml": PIPELINE, "stage.py": STAGE}.items():
        (folder / name).write_text(content)
    sh("git init -q && dvc init -q && dvc repro -q && git add -A && git commit -qm 'The baseline'", folder)
    sh("dvc exp run --queue -n twice -S model=large -S seed=1", folder)
    sh("dvc exp run --queue -S seed=1,2,3", folder)
    sh("dvc exp run --queue -S task=cls+span -S model=large -S seed=1", folder)
    sh("dvc exp run --queue -n broken -S model=broken -S seed=3", folder)
    sh("dvc exp run --queue -n mute -S model=mute", folder)
    sh("dvc exp run --queue -n twice -S model=large -S seed=2", folder)
    finish(folder)
    sh("dvc exp run --queue -n waiting -S seed=9", folder)
    yield folder
    sh("dvc queue stop --kill", folder)


@pytest.fixture
def tool(command: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Runs compare in a repository as its command line would: tool(grid, "--md")."""

    def call(repository: Path, *arguments: str) -> Ended:
        monkeypatch.chdir(repository)
        return command("tools.compare", *arguments)

    return call


Tool = Callable[..., Ended]


def test_the_table_has_a_row_per_group_and_task_and_never_the_commit_itself(grid: Path, tool: Tool) -> None:
    ended = tool(grid)
    assert ended.status == 0
    assert [" ".join(line.split()) for line in ended.out.splitlines()[2:]] == [
        # seeds 1, 2, 3: 0.51, 0.52, 0.53; the commit itself has seed 42, 0.92, and is no experiment
        "cls cls large f1_macro 1 0.610 * 0.750 tfidf 0.305 * 0.500 majority +0.305",
        "cls cls tiny f1_macro 3 0.520 ± 0.010 0.750 tfidf 0.260 ± 0.005 0.500 majority +0.260 ± 0.005",
        "cls cls+span large f1_macro 1 0.560 0.750 tfidf 0.280 0.500 majority +0.280",
        "span cls+span large span_f1 1 0.560 0.750 tfidf 0.280 0.500 majority +0.280",
        "* the best mean of this task on the same data",
    ]


def test_all_that_has_no_result_is_named_on_standard_error(grid: Path, tool: Tool) -> None:
    warnings = tool(grid).err.splitlines()
    assert all(line.startswith("WARNING: ") for line in warnings)
    told = "\n".join(warnings)
    assert "broken (model=broken, seed=3) failed: error: out of luck. See: dvc queue logs broken; " in told
    assert "waiting (seed=9) is queued and not in the table" in told
    assert "mute has no scores of task cls and is omitted" in told
    assert (
        "groups have different runs: no run of seed=2; seed=3 in cls (task=cls, model=large), cls (task=cls+span"
        in told
    )


def test_check_tells_the_queue_and_why_experiments_failed(
    grid: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(grid)
    ended = command("tools.check", "--json")
    queue = json.loads(ended.out)["checks"]["queue"]
    assert queue["status"] == "warning"
    assert {name: queue["figures"]["states"][name] for name in ("failed", "queued")} == {"failed": 1, "queued": 1}
    assert "broken (model=broken, seed=3) failed: error: out of luck" in queue["message"]
    assert ended.status == 1  # a pipeline of one stage is no run


def test_cost_leaves_out_and_names_experiments_that_trained_nothing(grid: Path, tool: Tool, tmp_path: Path) -> None:
    shutil.copytree(grid, tmp_path / "copy")
    shutil.copy(ROOT / "params.yaml", tmp_path / "copy")
    ended = tool(tmp_path / "copy", "--cost", "--json")
    assert ended.status == 0, ended.err
    assert [line["experiment"] for line in json.loads(ended.out)["lines"]] == ["all"]
    assert "mute is not in the table: it trained no model" in ended.err
    assert "the workspace is not in the table: models/environment.json is missing; dvc repro train" in ended.err


def test_cost_of_a_search_is_that_of_the_workers_that_it_had_whatever_params_say_by_now(
    tool: Tool, tmp_path: Path
) -> None:
    files = {
        "models/environment.json": json.dumps({"device": "a", "setup": {"device": "cpu"}, "seconds": 10.0}),
        "metrics/hpo/study.json": json.dumps({"study": "s"}),
        "metrics/hpo/trials.csv": "study,seconds\ns,30\ns,50\n",
        "dvc.lock": "schema: '2.0'\nstages: {hpo: {cmd: c, params: {params.yaml: {hpo: {workers: 2}}}}}\n",
        "params.yaml": (ROOT / "params.yaml").read_text(encoding="utf-8"),
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    line, _ = json.loads(tool(tmp_path, "--cost", "--json").out)["lines"]
    assert (line["train_seconds"], line["search_seconds"]) == (10.0, 40.0)


def test_of_two_experiments_under_one_name_the_lost_one_is_named_loudly(grid: Path, tool: Tool) -> None:
    assert sh("dvc exp list --name-only", grid).split().count("twice") == 1
    assert sh("dvc queue status", grid).count("twice") == 2
    told = tool(grid).err
    assert (
        "twice (model=large, seed=2) IS LOST: it finished successfully, but DVC keeps one result for each name; "
        "queue it again: dvc exp run --queue -S model=large -S seed=2\n"
    ) in told
    assert "RESULTS ARE MISSING: of 7 experiments that finished successfully, 1 have no result" in told


def test_every_format_holds_the_same_rows(grid: Path, tool: Tool) -> None:
    assert tool(grid, "--md").out.count("\n| cls  |") == 3
    assert tool(grid, "--latex").out.count("\ncls  & ") == 3
    assert tool(grid, "--csv").out.count("\ncls,") == 3
    ended = tool(grid, "--json")
    found = json.loads(ended.out)
    assert [row["task"] for row in found["rows"]] == ["cls", "cls", "cls", "span"]
    assert found["rows"][1]["scores"]["seen"]["mean"] == pytest.approx(0.52)
    assert [f"WARNING: {warning}" for warning in found["warnings"]] == ended.err.splitlines()


def test_the_parameter_to_average_over_can_be_another(grid: Path, tool: Tool) -> None:
    rows = json.loads(tool(grid, "--json", "--over", "seed,model", "--over", "task").out)["rows"]
    assert [len(row["runs"]) for row in rows] == [5, 1]
    rows = json.loads(tool(grid, "--json", "--over", "prepare.fold").out)["rows"]
    assert {row["settings"]["seed"] for row in rows} == {1, 2, 3}


def test_an_unknown_parameter_or_revision_ends_with_one_line_and_status_2(grid: Path, tool: Tool) -> None:
    ended = tool(grid, "--over", "prepare.flod")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.splitlines()[-1].startswith(
        "error: unknown parameter 'prepare.flod', did you mean 'prepare.fold'?"
    )
    ended = tool(grid, "--rev", "nowhere")
    assert ended == (2, "", "error: DVC cannot list experiments: unknown Git revision 'nowhere'\n")


def test_outside_of_a_repository_the_command_ends_with_one_line_and_status_2(tool: Tool, tmp_path: Path) -> None:
    ended = tool(tmp_path)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith("error: DVC cannot list experiments: you are not inside of a DVC repository")
    sh("dvc init -q --no-scm", tmp_path)
    ended = tool(tmp_path)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)


def test_a_commit_without_experiments_is_an_error_that_says_where_they_are(
    grid: Path, tool: Tool, tmp_path: Path
) -> None:
    before = sh("git rev-parse --short=7 HEAD", grid).strip()
    shutil.copytree(grid, tmp_path / "copy")
    sh("git commit -q --allow-empty -m 'Later'", tmp_path / "copy")
    ended = tool(tmp_path / "copy")
    assert (ended.status, ended.out) == (2, "")
    assert (
        "no experiments on HEAD; an experiment belongs to the commit from which it was queued. "
        f"Commits with experiments: {before} (6); select one with --rev"
    ) in ended.err
    assert tool(tmp_path / "copy", "--rev", "HEAD~1").out == tool(grid).out


def test_what_failed_or_was_lost_can_be_queued_again_by_the_line_that_is_printed(grid: Path, tool: Tool) -> None:
    told = tool(grid).err
    (grid / ".dvc/tmp/mended").touch()
    again = [line.split("queue it again: ")[1] for line in told.splitlines() if "queue it again: " in line]
    assert [shlex.split(line)[4:] for line in again] == [
        ["-S", "model=broken", "-S", "seed=3"],
        ["-S", "model=large", "-S", "seed=2"],
    ]
    for line in again:
        sh(line, grid)
    finish(grid)
    told = tool(grid).err
    assert not any(word in told for word in ("failed", "LOST", "MISSING", "queued"))


def test_an_experiment_of_other_code_is_named(grid: Path, tool: Tool, tmp_path: Path) -> None:
    shutil.copytree(grid, tmp_path / "copy")
    (tmp_path / "copy/stage.py").write_text(STAGE.replace("seen / 2", "seen / 4"))
    sh("dvc exp run -n edited -S seed=5", tmp_path / "copy")
    assert "runs have different code or data: stage.py in edited" in tool(tmp_path / "copy").err


def test_the_command_never_imports_torch() -> None:
    code = "import sys, src.tools.compare; sys.exit(bool({'torch', 'transformers', 'sklearn'} & set(sys.modules)))"
    sh(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}", ROOT)


def runs(folder: Path, system: str, flips: dict[str, int], split: str = "test", rows: int = 60) -> str:
    """Writes a file of predictions per seed, which has so many first rows wrong; returns NAME=GLOB."""
    for seed, wrong in flips.items():
        sides = [(LABELS[i % 2], LABELS[(i + (i < wrong)) % 2]) for i in range(rows)]
        write(folder / f"{system}-{seed}.jsonl", [label(i, *side, split=split) for i, side in enumerate(sides)])
    return f"{system}={folder}/{system}-*.jsonl"


def test_files_are_compared_with_means_tests_over_rows_and_over_seeds(tool: Tool, tmp_path: Path) -> None:
    """By hand: with 2k rows wrong, k of each label, every f1 is 1 - 2k / 60."""
    given = [runs(tmp_path, "ours", {"1": 6, "2": 8, "3": 10}), runs(tmp_path, "theirs", {"1": 12, "2": 20, "3": 28})]
    ended = tool(tmp_path, "--predictions", *given, "--json")
    assert (ended.status, ended.err) == (0, "")
    found = json.loads(ended.out)
    assert [row["settings"] for row in found["rows"]] == [{"model": "ours"}, {"model": "theirs"}]
    ours, theirs = (row["scores"]["seen"] for row in found["rows"])
    assert (ours["mean"], ours["sd"], ours["runs"]) == (pytest.approx(52 / 60), pytest.approx(2 / 60), 3)
    assert (theirs["mean"], theirs["sd"]) == (pytest.approx(40 / 60), pytest.approx(8 / 60))
    [pair] = found["pairs"]
    assert (pair["first"], pair["second"], pair["test"], pair["runs"]) == ("ours", "theirs", "bootstrap", 3)
    assert pair["difference"] == pytest.approx(12 / 60)
    assert pair["seeds"]["d_z"] == pytest.approx(12 / 6)  # differences 6, 12, 18
    assert pair["seeds"]["t"] == pytest.approx(2 * 3**0.5)
    assert pair["p"] == pair["p_holm"] < 0.01


def test_the_tests_alone_are_printed_in_every_form(tool: Tool, tmp_path: Path) -> None:
    given = ["--predictions", runs(tmp_path, "ours", {"1": 6}), runs(tmp_path, "theirs", {"9": 16})]
    both, alone = tool(tmp_path, *given).out, tool(tmp_path, *given, "--tests").out
    assert both.endswith(f"\n\n{alone}")
    cells = alone.splitlines()[2].split()
    # the ten rows that theirs alone has wrong: 2 / 2**10 = .00195
    assert cells[:6] == ["cls", "test", "f1_macro", "ours", "theirs", "+0.167"]
    assert cells[8:] == ["mcnemar", ".002", "**", "1", "-", "-"]
    markdown = re.sub(" {2,}", " ", tool(tmp_path, *given, "--tests", "--md").out)  # columns are aligned
    assert markdown.startswith("| task | split | metric | first | second |")
    assert tool(tmp_path, *given, "--tests", "--latex").out.count(r"\begin{tabular}") == 1
    assert json.loads(tool(tmp_path, *given, "--tests", "--json").out)["rows"] == []
    table = tool(tmp_path, *given, "--tests", "--csv").out.splitlines()
    assert table[0].startswith("task,split,first,second,metric,difference,test,p,runs,p_holm,low,high")
    assert float(table[1].split(",")[7]) == pytest.approx(2 / 2**10)


def test_three_systems_on_two_splits_are_three_corrected_pairs_each(tool: Tool, tmp_path: Path) -> None:
    for split in ("test", "unseen"):
        for system, wrong in (("a", 6), ("b", 16), ("c", 20)):
            runs(tmp_path / system, split, {"": wrong}, split)
    given = [f"{system}={tmp_path}/{system}" for system in "abc"]
    pairs = json.loads(tool(tmp_path, "--predictions", *given, "--json").out)["pairs"]
    assert [(pair["split"], pair["first"] + pair["second"]) for pair in pairs] == [
        (split, names) for split in ("test", "unseen") for names in ("ab", "ac", "bc")
    ]
    by_hand = [2 / 2**10, 2 / 2**14, 2 / 2**4]
    assert [pair["p"] for pair in pairs[:3]] == pytest.approx(by_hand)
    assert [pair["p_holm"] for pair in pairs[:3]] == pytest.approx([2 * by_hand[0], 3 * by_hand[1], by_hand[2]])


def test_a_joint_file_is_compared_in_each_of_its_tasks(tool: Tool, tmp_path: Path) -> None:
    for system, tagged in (("a", "BI"), ("b", "BO")):
        write(tmp_path / f"{system}.jsonl", [label(1, "x", "x"), words(1, "BI", tagged), words(2, "BI", "BI")])
    found = json.loads(tool(tmp_path, "--predictions", "a=a.jsonl", "b=b.jsonl", "--json").out)
    assert [(row["task"], row["settings"]["model"], row["scores"]["seen"]["mean"]) for row in found["rows"]] == [
        ("cls", "a", 1.0), ("cls", "b", 1.0), ("span", "a", 1.0), ("span", "b", 0.5),
    ]  # fmt: skip
    assert [(pair["task"], pair["test"], pair["difference"]) for pair in found["pairs"]] == [
        ("cls", "mcnemar", 0.0), ("span", "bootstrap", 0.5),
    ]  # fmt: skip


def test_one_system_alone_has_means_and_no_pair_to_test(tool: Tool, tmp_path: Path) -> None:
    given = runs(tmp_path, "ours", {"1": 6, "2": 8})
    assert "0.883 ± 0.024" in tool(tmp_path, "--predictions", given).out
    ended = tool(tmp_path, "--predictions", given, "--tests")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("error: there is no pair to test")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["ours=ours-*.jsonl", "few=few-*.jsonl"],
            "ours 1 and few 1 have different rows: 2 only in ours 1 (58 of",
        ),
        (["ours-1.jsonl"], "'ours-1.jsonl' is not NAME=GLOB"),
        (["a=ours-1.jsonl", "a=ours-1.jsonl"], "system 'a' is given twice"),
        (["a=none-*.jsonl"], "nothing matches none-*.jsonl"),
        (["a=bad.jsonl"], "bad.jsonl, line 1 is not a valid Prediction"),
        (["a=folder"], "folder is a folder without files of predictions"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_status_2(
    given: list[str], message: str, tool: Tool, tmp_path: Path
) -> None:
    runs(tmp_path, "ours", {"1": 6})
    runs(tmp_path, "few", {"1": 6}, rows=58)
    (tmp_path / "bad.jsonl").write_text('{"id": 1}\n')
    (tmp_path / "folder").mkdir()
    ended = tool(tmp_path, "--predictions", *given)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith(f"error: {message}")


WRITES_PREDICTIONS = """
rows = [("a", "a" if row >= 2 * params["seed"] + 12 * (params["model"] == "large") else "b") for row in range(40)]
lines = [
    json.dumps({"id": f"{params['prepare']['corpus']}{row:02}", "split": "test", "group": None, "task": "cls",
                "gold": gold, "predicted": predicted})
    for row, (gold, predicted) in enumerate(rows)
]
pathlib.Path("metrics/predictions").mkdir(exist_ok=True)
pathlib.Path("metrics/predictions/test.jsonl").write_text("\\n".join(lines) + "\\n")
"""


def test_experiments_are_tested_by_the_predictions_that_dvc_keeps_of_them(tool: Tool, tmp_path: Path) -> None:
    """Seed 1 of tiny has rows 0 and 1 wrong, seed 1 of large the first 14: twelve that large alone has wrong."""
    pipeline = PIPELINE.replace("    outs: [", "    outs: [metrics/predictions, ")
    for name, content in {"params.yaml": PARAMS, "dvc.yaml": pipeline, "stage.py": STAGE + WRITES_PREDICTIONS}.items():
        (tmp_path / name).write_text(content)
    sh("git init -q && dvc init -q && git add -A && git commit -qm 'The baseline'", tmp_path)
    for model in ("tiny", "large"):
        sh(f"dvc exp run -q -S model={model} -S seed=1", tmp_path)
    sh("git checkout -q . && dvc exp run -q -S prepare.corpus=other -S seed=1", tmp_path)
    before = (tmp_path / "metrics/predictions/test.jsonl").read_bytes()
    ended = tool(tmp_path, "--json")
    assert (ended.status, ended.err) == (0, "")
    [pair] = json.loads(ended.out)["pairs"]  # not of the one on another corpus
    assert (pair["first"], pair["second"], pair["test"]) == (
        "large, prepare.corpus=sample", "tiny, prepare.corpus=sample", "mcnemar",
    )  # fmt: skip
    assert pair["p"] == pytest.approx(2 / 2**12)
    assert "mcnemar  <.001 ***  1" in tool(tmp_path, "--tests").out
    assert (tmp_path / "metrics/predictions/test.jsonl").read_bytes() == before  # nothing was checked out

    shutil.rmtree(tmp_path / ".dvc/cache")
    ended = tool(tmp_path, "--json")
    assert ended.status == 0
    assert json.loads(ended.out)["pairs"] == []
    assert ended.err.startswith("WARNING: cls: pairs are not tested: metrics/predictions of ")
    assert ended.err.count("\n") == 1
    ended = tool(tmp_path, "--tests")
    assert (ended.status, ended.out) == (2, "")
