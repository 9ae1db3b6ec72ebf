"""Guesses a corpus.yaml from a data file: format, encoding, delimiter, quoting, columns and labels.

Columns are recognised by their names, or else by their values. A person must check the guess.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from charset_normalizer import from_bytes

from src.core.user_errors import UserError
from src.corpora.corpus_file import Columns
from src.corpora.readers import criteria, idioms

ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-8", "cp1252")  # and cp1255, the encoding of old Hebrew files
DELIMITERS = (",", "\t", ";", "|")
SPLIT_NAMES = {"training": "train", "dev": "validation", "val": "validation", "valid": "validation", "eval": "test"}
MOST_LABELS = 20

Names = tuple[str, ...]


class ColumnNames(NamedTuple):
    """Names that columns often have, besides the name of the field itself; the first match wins."""

    id: Names = ("uid", "guid", "example_id", "sentence_id", "text_id")
    text: Names = ("sentence", "sentence1", "premise", "question", "content", "post", "tweet", "review", "#1 string")
    text_pair: Names = ("sentence2", "hypothesis", "context", "passage", "#2 string")
    label: Names = ("label_str", "class", "category", "gold", "target", "sentiment")
    group: Names = ("topic", "idiom", "expression", "base_pie", "document", "title", "author")
    split: Names = ("partition", "subset")
    tokens: Names = ("words",)
    tags: Names = ("iob_tags", "bio_tags", "ner_tags")
    answers: Names = ()


class SpanNames(NamedTuple):
    """The same for the columns of a marked span, which are not read if the table has tags."""

    span: Names = ("phrase", "substring", "pie_span")
    start: Names = ("start_char", "span_start")
    end: Names = ("end_char", "span_end")


def guess(path: Path) -> dict[str, Any]:
    """Returns the keys of a corpus.yaml for one file, without description, licence and fetch.

    Raises:
        UserError: the file is empty, or it is not a table with a header, not JSON Lines and not the JSON of SQuAD.
    """
    encoding, text = _decoded(path)
    if not text.strip():
        raise UserError(f"{path} is empty")
    keys: dict[str, Any] = {"language": _language(text), "reader": "csv", "files": [path.name]}
    if text.lstrip().startswith(("{", "[")):
        if _is_squad(text):
            return keys | {"reader": "squad", "labels": [], "inseparable": "text_pair"}
        return keys | {"reader": "jsonl"} | _encoding(encoding) | _meaning(_objects(path, text))
    delimiter, quoting = _form(path, text)
    header, *rows = _parsed(text, delimiter, quoting)
    cells = [dict(zip(header, row, strict=True)) for row in rows if len(row) == len(header)]
    if delimiter == "," and quoting and set(header) >= set(idioms.REQUIRED):
        by_number = dict(sorted((row["label"], row["label_str"]) for row in cells))
        return keys | {"reader": "idioms", "labels": list(by_number.values())}
    if delimiter == "," and quoting and set(header) >= set(criteria.REQUIRED):
        return keys | {"reader": "criteria", "labels": ["0", "1"], "inseparable": "text_pair"}
    return keys | {"delimiter": delimiter, "quoting": quoting} | _encoding(encoding) | _meaning(cells)


def doubt(guessed: Mapping[str, Any]) -> str | None:
    """Returns why the guessed rows would have no target; None: they have one."""
    columns = Columns(**guessed.get("columns", {}))
    has_target = any((columns.tags, columns.span, columns.start, columns.answers))
    if guessed["labels"] or has_target or guessed["reader"] == "squad":
        return None
    return (
        f"no labels were found: no column has 2 to {MOST_LABELS} different repeated values; name the label column "
        "under columns, and all labels under labels"
    )


def _decoded(path: Path) -> tuple[str, str]:
    """The encoding and the text; charset-normalizer often confuses a short table in cp1255 with cp1252."""
    data = path.read_bytes()
    likeliest = from_bytes(data, cp_isolation=[*ENCODINGS]).best()
    encodings = [likeliest.encoding.replace("_", "-")] if likeliest else []
    for encoding in [*encodings, "utf-8", "cp1252"] if b"\0" not in data else encodings:
        try:
            text = data.decode(encoding).removeprefix("\ufeff")
            return ("cp1255", data.decode("cp1255")) if encoding == "cp1252" and _is_hebrew(data) else (encoding, text)
        except UnicodeDecodeError:
            continue
    raise UserError(f"{path} has none of the encodings {', '.join(ENCODINGS)}, cp1255; save the file as UTF-8")


def _is_hebrew(data: bytes) -> bool:
    """Whether most non-ASCII letters, decoded as cp1255, are in Hebrew words of three letters or more.

    Accented Western letters also decode to Hebrew letters, but three in a row are rare: "ção" has two.
    """
    text = data.decode("cp1255", "replace")
    letters = sum(character.isalpha() and not character.isascii() for character in text)
    return 2 * sum(map(len, re.findall(r"(?:[א-ת][\u05b0-\u05c2]*){3,}", text))) > letters


def _encoding(name: str) -> dict[str, str]:
    return {} if name == "utf-8" else {"encoding": name}


def _language(text: str) -> str:
    hebrew = sum("א" <= character <= "ת" for character in text)
    return "he" if 2 * hebrew > sum(map(str.isalpha, text)) else "und"  # undetermined in BCP 47


def _is_squad(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and isinstance(value.get("data"), list)


def _objects(path: Path, text: str) -> list[dict[str, Any]]:
    """The objects of all lines that are JSON objects; `check` reports the other lines."""
    objects = []
    for line in text.split("\n"):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            objects.append(value)
    if not objects:
        raise UserError(f"{path}: JSON without one object per line; write it as JSON Lines")
    return objects


def _parsed(text: str, delimiter: str, quoting: bool) -> list[list[str]]:
    """The rows of a table; an empty list if its quotes are not balanced."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    table = csv.reader(
        lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE, strict=True
    )
    try:
        return [row for row in table if row]
    except csv.Error:
        return []


def _form(path: Path, text: str) -> tuple[str, bool]:
    """The delimiter and the quoting with which most rows have as many cells as the header.

    csv.Sniffer finds commas in BABE, which has semicolons, and never finds that quotes are text.
    """
    best: tuple[float, int, str, bool] | None = None
    for delimiter in DELIMITERS:
        for quoting in (True, False):
            rows = _parsed(text, delimiter, quoting)
            if len(rows) > 1:
                share = fmean(len(row) == len(rows[0]) for row in rows[1:])
                candidate = (share, len(rows[0]), delimiter, quoting)
                if best is None or candidate[:2] > best[:2]:
                    best = candidate
    if best is None or best[0] < 0.5:
        raise UserError(
            f"{path} is not a table with a header: with comma, tab, semicolon or | as delimiter, "
            "most rows do not have as many cells as the first"
        )
    _, _, delimiter, quoting = best
    return delimiter, quoting and _quotes_are_marks(text, delimiter)


def _quotes_are_marks(text: str, delimiter: str) -> bool:
    """Whether quotes enclose cells, if both are possible; in a table with tabs, only if a cell needs them."""
    if delimiter != "\t" or '"' in text.split("\n", 1)[0]:
        return True
    return any(mark in cell for row in _parsed(text, delimiter, True) for cell in row for mark in '\t\n"')


def _meaning(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Columns, labels and splits of a table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    values = {name: [row.get(name) for row in rows] for name in names}
    columns = _columns(values)
    keys: dict[str, Any] = {"columns": columns, "labels": []}
    if "label" in columns:
        labels = sorted(_distinct(values[columns["label"]]), key=_number_or_name)
        keys["labels"] = [label for label in labels if label != "-1"]
        if "-1" in labels:
            keys["drop"] = ["-1"]
    if "split" in columns:
        splits = sorted(_distinct(values[columns["split"]]))
        keys["splits"] = {name: SPLIT_NAMES[name] for name in splits if name in SPLIT_NAMES}
    return {key: value for key, value in keys.items() if value or key == "labels"}


def _columns(values: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for field, aliases in (ColumnNames()._asdict() | SpanNames()._asdict()).items():
        names = (field, *aliases)
        for column in sorted(values, key=lambda name: _rank(name, names)):
            if _rank(column, names) < len(names) and _fits(field, values[column]):
                columns[field] = column
                break
    free = [column for column in values if column not in columns.values()]
    if "text" not in columns and free:
        columns["text"] = max(free, key=lambda column: fmean(len(str(value)) for value in values[column]))
        free.remove(columns["text"])
    second = [column for column in free if column in _seconds(columns.get("text", ""))]
    if "text_pair" not in columns and second:
        columns["text_pair"] = second[0]
    free = [column for column in free if column not in columns.values()]
    labels = [column for column in free if _fits("label", values[column]) and _recurs(values[column])]
    if "label" not in columns and labels:
        columns["label"] = min(labels, key=lambda column: "label" not in column.casefold())
    for field, partner in (("tokens", "tags"), ("tags", "tokens"), ("start", "end"), ("end", "start")):
        if partner not in columns:
            columns.pop(field, None)
    if "tags" in columns:
        for field in SpanNames._fields:
            columns.pop(field, None)
    return columns


def _rank(column: str, names: Sequence[str]) -> int:
    name = column.strip().casefold()
    return names.index(name) if name in names else len(names)


def _seconds(name: str) -> set[str]:
    """Names of the second text, given the name of the first: sentence1 and sentence2, text_a and text_b."""
    return {name.replace("1", "2"), re.sub(r"_a$", "_b", name), f"{name}2", f"{name}_2", f"{name}_b"} - {name}


def _fits(field: str, values: Sequence[Any]) -> bool:
    distinct = _distinct(values)
    if field == "id":
        return len(distinct) == len(values)
    if field == "label":
        return 2 <= len(distinct) <= MOST_LABELS and all(len(value) <= 60 for value in distinct)
    if field == "split":
        return len(distinct) <= 10
    return True


def _recurs(values: Sequence[Any]) -> bool:
    """Whether a value of a column occurs in two rows or more on average."""
    return 2 * len(_distinct(values)) <= len(values)


def _distinct(values: Sequence[Any]) -> set[str]:
    """The values of a column, as the readers name them; empty cells have no value."""
    return {value if isinstance(value, str) else json.dumps(value) for value in values if value not in (None, "")}


def _number_or_name(label: str) -> tuple[float, str]:
    return (float(label), "") if re.fullmatch(r"-?\d+(\.\d+)?", label) else (float("inf"), label)
