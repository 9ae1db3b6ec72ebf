"""Makes the reference pages of the site from the code, so that the two cannot differ; a hook of mkdocs.

    python -m mkdocs build --strict

Each function of PAGES returns one page as Markdown.
"""

import argparse
import contextlib
import importlib
import io
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from src.core.config import Params
from src.corpora.corpus_file import READS, Corpus
from src.tools import TOOLS

ROOT = Path(__file__).parents[1]

# What each metric means. A metric that is missing here, or that no task reports, stops the build.
METRICS = {
    "cls": {
        "accuracy": "Share of the rows whose label is correct.",
        "f1_macro": "**Primary.** Mean of the F1 of all labels of the corpus. A label without gold or predicted rows "
        "counts as 0 (scikit-learn).",
        "f1_weighted": "Mean of the F1 of all labels, weighted by the number of gold rows.",
        "f1_LABEL": "F1 of one label.",
        "precision_LABEL": "Share of the rows predicted as the label that have it.",
        "recall_LABEL": "Share of the rows with the label that are predicted as it.",
        "auroc": "Area under the ROC curve of the second label. Two labels only.",
        "ece": "Expected calibration error: mean difference between the probability of the predicted label and the "
        "share of correct rows, over bins of equal width (Guo et al. 2017).",
    },
    "span": {
        "span_f1": "**Primary.** F1 of exact spans: start, end and kind must be equal (seqeval, strict IOB2, micro).",
        "span_precision": "Share of the predicted spans that are exact.",
        "span_recall": "Share of the gold spans that are predicted exactly.",
        "span_f1_lenient": "F1 as conlleval computes it. It accepts a span that starts with an I- tag.",
        "token_accuracy": "Share of the words with the correct tag. Words outside spans count, so it is high for a "
        "model that predicts nothing.",
    },
    "evidence": {
        "evidence_em": "Share of the rows whose answer equals a gold answer after SQuAD's normalisation.",
        "evidence_f1": "**Primary.** F1 of the words that the answer shares with the nearest gold answer (SQuAD v2). "
        "Rows without texts are scored over characters.",
        "evidence_em_has_answer": "`evidence_em` of the rows that have an answer.",
        "evidence_f1_has_answer": "`evidence_f1` of the rows that have an answer.",
        "evidence_em_no_answer": "`evidence_em` of the rows that have no answer.",
        "evidence_f1_no_answer": "`evidence_f1` of the rows that have no answer.",
    },
}

# Rows of predictions, two of each task, from which the names of the metrics are read.
PREDICTIONS: list[dict[str, Any]] = [
    {"task": "cls", "gold": "LABEL", "predicted": "LABEL", "probabilities": {"LABEL": 0.9, "OTHER": 0.1}},
    {"task": "cls", "gold": "OTHER", "predicted": "OTHER", "probabilities": {"LABEL": 0.2, "OTHER": 0.8}},
    {"task": "span", "gold": ["B-SPAN", "O"], "predicted": ["B-SPAN", "O"]},
    {"task": "span", "gold": ["O"], "predicted": ["O"]},
    {"task": "evidence", "gold": [[0, 2]], "predicted": [0, 2], "text": "ab", "gold_texts": ["ab"]},
    {"task": "evidence", "gold": [], "predicted": None, "text": "", "gold_texts": []},
]

# Files that no stage reads or writes, or that a person writes.
OTHER_FILES = {
    "params.yaml": "every choice that a person makes",
    "tuned.yaml": "hyper-parameters that a person has promoted, per model and task",
    "dvc.yaml": "the stages: commands, inputs, parameters, outputs",
    "dvc.lock": "hashes of the inputs and outputs of the last run; commit it",
    "data/raw/CORPUS/corpus.yaml": "how the files of a corpus are read",
    ".checkpoints": "state of interrupted trainings; Git ignores it. Delete it if you have given up these runs",
    ".studies": "searches (SQLite); Git ignores it",
    ".dvc-remote": "the default remote, a local folder; Git ignores it",
    "dvc_plots": "the page of `dvc plots diff`; Git ignores it",
    "report.html": "the page of `python -m src report`; Git ignores it",
    "runs": "logs of TensorBoard, and a place for files of your own; Git ignores it",
    "benchmarks": "measurements of speed and cost; benchmarks/README.md has the results",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of the reference to the site; mkdocs calls this."""
    for name, page in PAGES.items():
        files.append(File.generated(config, f"reference/{name}.md", content=page()))
    return files


def params() -> str:
    """Every key of params.yaml: its value in the file, what is legal, and its comment."""
    values = YAML().load(ROOT / "params.yaml")
    schema = Params.model_json_schema()
    parts = [
        "# params.yaml\n\nparams.yaml holds every choice that a person makes. "
        "An unknown key or an illegal value is an error. Set a key for one run with `-S key=value`.\n"
    ]
    sections = {name: value for name, value in values.items() if isinstance(value, CommentedMap)}
    parts.append(_keys({name: values[name] for name in values if name not in sections}, values, schema, schema, ""))
    for name, section in sections.items():
        comment = _comment(values, name)
        parts.append(f"## {name}\n\n" + (f"{_sentence(comment)}\n\n" if comment else ""))
        parts.append(_keys(section, section, _resolved(schema["properties"][name], schema), schema, f"{name}."))
    return "\n".join(parts)


def _keys(keys: Mapping[str, Any], commented: CommentedMap, schema: Any, root: Any, prefix: str) -> str:
    """Returns a table of keys; the keys of a nested section follow their section."""
    rows = [[f"`{name}`", *cells] for name, cells in _flat(keys, commented, schema, root, prefix)]
    return _table(["key", "default", "legal", "meaning"], rows)


def _flat(
    keys: Mapping[str, Any], commented: CommentedMap, schema: Any, root: Any, prefix: str
) -> Iterator[tuple[str, list[str]]]:
    """Yields the full name of each key, and its cells."""
    for name, value in keys.items():
        field = _resolved(schema.get("properties", {}).get(name, {}), root)
        comment = _escaped(_comment(commented, name))
        if isinstance(value, CommentedMap) and "properties" in field:
            yield f"{prefix}{name}", ["", "a section", comment]
            yield from _flat(value, value, field, root, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", [f"`{_yaml(value)}`", _escaped(_legal(field, root)), comment]


def _resolved(field: Any, root: Any) -> Any:
    """Follows a reference of a JSON schema."""
    return root["$defs"][field["$ref"].rsplit("/", 1)[1]] if "$ref" in field else field


def _legal(field: Any, root: Any) -> str:
    """Says in words what a JSON schema allows.

    >>> _legal({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}, {})
    'whole number, at least 1; null'
    """
    field = _resolved(field, root)
    if "anyOf" in field or "oneOf" in field:
        return "; ".join(dict.fromkeys(_legal(option, root) for option in field.get("anyOf", field.get("oneOf"))))
    if "const" in field or "enum" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true, false",
             "array": "list", "object": "mapping", "null": "null"}  # fmt: skip
    text = words[field["type"]] if "type" in field else "any"
    if field.get("items"):
        text += f" of {_legal(field['items'], root)}"
    limits = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    return ", ".join([text, *(f"{word} {field[key]:,}" for key, word in limits.items() if key in field)])


def _comment(values: CommentedMap, key: str) -> str:
    """Returns the comment behind a key as one line; the comment of a section stands behind its name."""
    tokens = [token for token in values.ca.items.get(key, []) if token is not None]
    flat = [token for entry in tokens for token in (entry if isinstance(entry, list) else [entry])]
    lines = "".join(token.value for token in flat).split("\n\n")[0].splitlines()  # a blank line ends the comment
    return " ".join(line.strip().lstrip("#").strip() for line in lines).strip()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _yaml(value: Any) -> str:
    """Returns a value as params.yaml writes it, on one line.

    >>> _yaml(None), _yaml([0.001, 100.0]), _yaml(True)
    ('null', '[0.001, 100.0]', 'true')
    """
    return json.dumps(value, ensure_ascii=False, default=str).replace('"', "")


def corpus() -> str:
    """Every key of corpus.yaml, from the schema and its docstring."""
    schema = Corpus.model_json_schema()
    parts = [
        "# corpus.yaml\n\ncorpus.yaml says how the files of a corpus are read. It lies in data/raw/CORPUS.\n",
        _attributes(Corpus, schema, schema),
        "Keys that only some readers read:\n",
        _table(
            ["reader", "keys"],
            [[f"`{reader}`", ", ".join(f"`{key}`" for key in keys)] for reader, keys in READS.items()],
        ),
    ]
    for name, model in (("columns", "Columns"), ("zero_shot", "LabelWords")):
        parts.append(f"## {name}\n")
        cls = getattr(importlib.import_module(Corpus.__module__), model)
        parts.append(_attributes(cls, schema["$defs"][model], schema))
    return "\n".join(parts)


def _attributes(model: Any, schema: Any, root: Any) -> str:
    described = _described(model.__doc__ or "")
    rows = [
        [
            f"`{name}`",
            f"`{_yaml(field['default'])}`"
            if "default" in field
            else ""
            if name in schema.get("required", [])
            else "empty",
            _escaped(_legal(field, root)),
            _escaped(field.get("description") or described.get(name, "")),
        ]
        for name, field in ((name, schema["properties"][name]) for name in schema["properties"])
    ]
    return _table(["key", "default", "legal", "meaning"], rows)


def _described(docstring: str) -> dict[str, str]:
    """Returns {name: text} of the section Attributes of a docstring; a name list such as `start, end:` is split."""
    section = docstring.partition("Attributes:\n")[2]
    entries = re.findall(r"^ {8}(\w[\w, ]*): (.*(?:\n {10,}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}


def metrics() -> str:
    """Every metric by the name that files and tables give it."""
    parts = [
        "# Metrics\n\nA metric has one name and one definition, in params.yaml, files, tables and plots. All values "
        "but `gap_percent` lie between 0 and 1.\n"
    ]
    for task, names in reported().items():
        missing, stale = names - set(METRICS[task]), set(METRICS[task]) - names
        if missing or stale:
            raise ValueError(
                f"docs/reference.py, METRICS: {task} lacks {sorted(missing)}, has too many {sorted(stale)}"
            )
        parts.append(
            f"## {task}\n\n" + _table(["metric", "meaning"], [[f"`{n}`", m] for n, m in METRICS[task].items()])
        )
    parts.append(
        "## Beside every primary metric\n\n"
        "| name | meaning |\n|---|---|\n"
        "| `<metric>_interval` | Ends of the 95 % interval: percentile bootstrap over rows. |\n"
        "| `gap_absolute` | Score on test (seen groups) minus score on unseen (held-out groups). |\n"
        "| `gap_percent` | `gap_absolute` in percent of the score on test. |\n"
        "| `best.primary` | Validation score of the epoch that is kept; of several tasks, their mean. |\n"
    )
    return "\n".join(parts)


def reported() -> dict[str, set[str]]:
    """Scores PREDICTIONS with the tool `score` and returns {task: names of its metrics}."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        rows = [{"id": str(i), "split": "test", "group": None, **row} for i, row in enumerate(PREDICTIONS)]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            _call("score", [str(path), "--bootstrap-samples", "1", "--json"])
    scored = json.loads(out.getvalue())[str(path)]
    return {
        task: {name for name in result["splits"]["test"]["scores"] if not name.endswith(("_OTHER", "_interval"))}
        for task, result in scored.items()
    }


def files() -> str:
    """What each stage reads and writes, from dvc.yaml."""
    pipeline = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")
    rows = []
    for name, stage in pipeline["stages"].items():
        git = [path for out in stage.get("metrics", []) for path in out]  # with `cache: false`
        outs = [*stage["outs"], *git]
        data = [path for path in stage["deps"] if not path.startswith("src/")]
        keys = [key if isinstance(key, str) else next(iter(key)) for key in stage["params"]]
        rows.append(
            [f"`{name}`", stage["desc"], _codes(data), _codes(keys), _codes(outs, git)]
        )  # fmt: skip
    return (
        "# Files\n\nThe stages of dvc.yaml. A stage runs again if one of its inputs, parameters or source files "
        "changes. Outputs are kept by DVC; those marked *in Git* are committed with the code.\n\n"
        + _table(["stage", "purpose", "reads", "parameters", "writes"], rows)
        + "\nFiles that no stage reads or writes, or that a person writes:\n\n"
        + _table(["file or folder", "holds"], [[f"`{path}`", text] for path, text in OTHER_FILES.items()])
    )  # fmt: skip


def _codes(paths: Sequence[str], git: Sequence[str] = ()) -> str:
    return "<br>".join(f"`{path}`{' *in Git*' if path in git else ''}" for path in paths)


def tools() -> str:
    """The help of every tool, as `--help` prints it."""
    parts = ["# Tools\n\n`python -m src` lists the tools. `python -m src TOOL --help` prints what follows.\n"]
    for name, parser in parsers().items():
        parts.append(f"## {name}\n\n```text\n{parser.format_help()}```\n")
        parts += [f"```text\n{command.format_help()}```\n" for command in _commands(parser).values()]
    return "\n".join(parts)


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Returns the parser of every tool by the tool's name."""
    return {name: _parser(name) for name in TOOLS}


def _parser(name: str) -> argparse.ArgumentParser:
    module = importlib.import_module(f"src.tools.{name}")
    parser: argparse.ArgumentParser = module.parser()
    parser.prog = f"python -m src {name}"
    return parser


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The commands of a tool that has several, such as `corpus new` and `corpus check`."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    commands = groups[0].choices if groups else {}
    for name, command in commands.items():
        command.prog = f"{parser.prog} {name}"
    return commands


def _call(tool: str, arguments: Sequence[str]) -> None:
    before = sys.argv
    sys.argv = [tool, *arguments]
    try:
        importlib.import_module(f"src.tools.{tool}").main()
    finally:
        sys.argv = before


def _escaped(text: str) -> str:
    """Keeps a bar and a tag inside a cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


PAGES: dict[str, Callable[[], str]] = {
    "params": params, "corpus": corpus, "metrics": metrics, "files": files, "tools": tools,
}  # fmt: skip
