"""Makes a corpus of a data file, and tells everything that is wrong with a corpus.

    python -m src corpus new mine --file mine.csv   # writes data/raw/mine/corpus.yaml by looking at the file
    python -m src corpus check mine                 # exit status 1 when something is wrong

`new` guesses, so read what it wrote; it copies the file, and those that belong beside it, into the folder of the corpus
and replaces nothing. `check` sees what `prepare` refuses, but goes on to the end; splits are judged where the corpus
has its own.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from src import corpora
from src.core.command_line import command_parser
from src.core.files import write_yaml
from src.core.records import SPLITS
from src.core.section import parse
from src.core.user_errors import UserError
from src.corpora import corpus_file, duplicates, intake_checks, statistics
from src.corpora.corpus_file import Corpus
from src.corpora.guess import doubt, guess
from src.corpora.near_duplicates import near_duplicates
from src.corpora.readers import criteria
from src.corpora.rows import Row
from src.tasks import TASKS

SHOWN = 20  # errors and warnings of one run, each; the rest is counted


def main() -> None:
    arguments = parser().parse_args()
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", arguments.name):
        raise UserError(f"'{arguments.name}' is no name of a corpus; legal: Latin letters, digits, _ and -")
    folder = arguments.root / arguments.name
    if arguments.command == "new":
        new(folder, arguments.file)
    elif not check(folder):
        sys.exit(1)


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src corpus", __doc__, "your-data")
    commands = options.add_subparsers(dest="command", required=True)
    for name, purpose in (("new", "write a first corpus.yaml"), ("check", "tell all that is wrong")):
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.add_argument("name", help="of the corpus, a folder of --root")
        command.add_argument("--root", type=Path, default=Path("data/raw"), help="folder of corpora; default: data/raw")
        if name == "new":
            command.add_argument("--file", type=Path, required=True, help="CSV, TSV, JSON Lines or SQuAD's JSON")
    return options


def new(folder: Path, file: Path) -> None:
    """Writes the corpus.yaml of a folder, and copies the data files beside it, unless they are there.

    Files that the reader wants beside the data file, and that are neither there nor in the folder, are named on
    standard error.

    Raises:
        UserError: a corpus.yaml or another file of that name that is there, or a file that is no table.
    """
    made = folder / "corpus.yaml"
    if made.exists():
        raise UserError(f"{made} is there already; edit it, or delete it to have it guessed again")
    if not file.is_file():
        raise UserError(f"{file} does not exist")
    guessed = guess(file)
    sources = [file, *(file.with_name(name) for name in criteria.BESIDE if guessed["reader"] == "criteria")]
    for source in sources:
        target = folder / source.name
        if source.exists() and target.exists() and not target.samefile(source):
            raise UserError(f"{target} is there already, and is another file than {source}; delete one, or rename it")
    content = {
        "description": f"the rows of {file.name}; say what they are",
        "licence": "unknown; say under which the data are",
        **guessed,
        "fetch": f"copy {', '.join(source.name for source in sources)} to {folder}",
    }
    parse(Corpus, content, made)
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        target = folder / source.name
        if source.is_file() and not target.exists():
            shutil.copyfile(source, target)
        elif not target.exists():
            print(f"{source} is not there; reader {guessed['reader']} needs it: put it at {target}", file=sys.stderr)
    write_yaml(made, content, "Guessed: read it, mend it, then run python -m src corpus check " + folder.name)
    print(made.read_text(encoding="utf-8"), end="")
    if doubtful := doubt(guessed):
        print(f"WARNING: {doubtful}", file=sys.stderr)


def check(folder: Path) -> bool:
    """Prints all errors and warnings, and what the corpus holds; returns whether there is no error."""
    errors: list[str] = []
    warnings: list[str] = []
    rows: list[Row] = []
    try:
        corpus = corpus_file.load(folder)
        for found in corpora.try_read(folder, corpus):
            if isinstance(found, UserError):
                errors.append(str(found))
            else:
                rows.append(found)
    except UserError as error:  # the rest cannot be read
        errors.append(str(error))
    else:
        rows, dropped = corpora.without_dropped(rows, corpus)
        warnings += [f"label '{label}': {n} rows are dropped, as corpus.yaml says" for label, n in dropped.items()]
        errors += _wrong(rows, corpus)
        warnings += _doubtful(rows, corpus)
    _show("error", errors)
    _show("warning", warnings)
    for split in ("", *SPLITS):
        examples = [row.example for row in rows if row.example.split == split]
        if examples:
            described = statistics.describe_split(examples)
            print(f"{split or 'no split'}: {', '.join(f'{key} {value}' for key, value in described.items())}")
    print(f"{folder.name}: {len(rows)} rows, {len(errors)} errors, {len(warnings)} warnings")
    return not errors


def _wrong(rows: Sequence[Row], corpus: Corpus) -> Iterator[str]:
    ids: dict[str, Row] = {}
    for row in rows:
        try:
            intake_checks.check_row(row, corpus)
        except UserError as error:
            yield str(error)
        first = ids.setdefault(row.example.id, row)
        if first is not row:
            yield str(row.refuse("id", f"the id stands already in {first.place}"))
    if rows and not any(task.has_target(row.example) for task in TASKS.values() for row in rows):
        yield "no row has a label, tags or answers, so that there is no task for it; name their columns in corpus.yaml"
    for row in rows:
        if row.example.split not in ("", *SPLITS):
            yield str(row.refuse("split", f"unknown split; legal: {', '.join(SPLITS)}, or named under splits"))
    placed = [row for row in rows if row.example.split in SPLITS]
    if corpus.leaks == "drop":
        gone = {row.example.id for row, _ in duplicates.leaking(placed)}
        placed = [row for row in placed if row.example.id not in gone]
    yield from map(str, intake_checks.find_leaks(placed, corpus.inseparable))


def _doubtful(rows: Sequence[Row], corpus: Corpus) -> Iterator[str]:
    yield from (remark for row in rows for remark in row.remarks)
    used = {row.example.label for row in rows}
    if not rows:
        yield "there are no rows"
    for label in corpus.labels:
        if rows and label not in used:
            yield f"label '{label}' is declared, and no row has it"
    for field in ("label", "group"):
        without = sum(getattr(row.example, field) is None for row in rows)
        if 0 < without < len(rows):
            yield f"{without} of {len(rows)} rows have no {field}"
    groups = {row.example.group for row in rows}
    for group in corpus.unseen_groups:
        if group not in groups:
            yield f"unseen_groups: no row has the group '{group}'"
    leaks = duplicates.leaking(rows) if corpus.leaks == "drop" else []
    if leaks:
        yield f"{len(leaks)} rows are dropped, because a later split has the same text"
    twice = duplicates.describe(rows)
    if twice["texts"]:
        yield (
            f"{twice['texts']} texts stand more than once, {twice['conflicting_labels']} of them with different "
            f"labels; the first: {', '.join(twice['listed'][0])}"
        )
    near = near_duplicates(duplicates.distinct(rows))
    if near:
        yield f"{len(near)} pairs of texts are nearly the same; the nearest: {near[0][0]}, {near[0][1]}"


def _show(kind: str, found: Sequence[str]) -> None:
    for line in found[:SHOWN]:
        print(f"{kind}: {line}")
    if len(found) > SHOWN:
        print(f"{kind}: {len(found) - SHOWN} more")
