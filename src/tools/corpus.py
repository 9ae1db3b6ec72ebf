"""Makes a corpus from a data file, and reports everything that is wrong with a corpus.

    python -m src corpus new mine --file mine.csv   # guesses data/raw/mine/corpus.yaml from the file
    python -m src corpus check mine                 # the exit status is 1 if there is an error

`new` guesses, so check the corpus.yaml that it writes. It copies the data files into the folder of the corpus and never
replaces a file. `check` reports all errors that stop `prepare`, not only the first. It checks splits only if the corpus
has its own.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from src import corpora
from src.core.command import run
from src.core.command_line import command_parser, warn
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

SHOWN = 20  # printed errors, and printed warnings; the rest is counted


def main() -> None:
    arguments = parser().parse_args()
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", arguments.name):
        raise UserError(f"'{arguments.name}' is not a name of a corpus; legal: Latin letters, digits, _ and -")
    folder = arguments.root / arguments.name
    if arguments.command == "new":
        new(folder, arguments.file)
    elif not check(folder):
        sys.exit(1)


def parser() -> argparse.ArgumentParser:
    options = command_parser("python -m src corpus", __doc__, "your-data")
    commands = options.add_subparsers(dest="command", required=True)
    for name, purpose in (("new", "write a first corpus.yaml"), ("check", "report all errors and warnings")):
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.add_argument("name", help="name of the corpus, a folder in --root")
        command.add_argument("--root", type=Path, default=Path("data/raw"), help="folder of corpora; default: data/raw")
        if name == "new":
            command.add_argument("--file", type=Path, required=True, help="CSV, TSV, JSON Lines or SQuAD's JSON")
    return options


def new(folder: Path, file: Path) -> None:
    """Writes the corpus.yaml of a folder, and copies the data files into the folder, unless they are there.

    Missing files that the reader needs are reported on standard error.

    Raises:
        UserError: a corpus.yaml or a different file of the same name exists already, or the file is not a table.
    """
    path = folder / "corpus.yaml"
    if path.exists():
        raise UserError(f"{path} exists already; edit it, or delete it to guess it again")
    if not file.is_file():
        raise UserError(f"{file} does not exist")
    guessed = guess(file)
    sources = [file, *(file.with_name(name) for name in criteria.BESIDE if guessed["reader"] == "criteria")]
    for source in sources:
        target = folder / source.name
        if source.exists() and target.exists() and not target.samefile(source):
            raise UserError(f"{target} exists already and is not {source}; delete or rename one of them")
    content = {
        "description": f"the rows of {file.name}; describe them here",
        "licence": "unknown; write the licence of the data here",
        **guessed,
        "fetch": f"copy {', '.join(source.name for source in sources)} to {folder}",
    }
    parse(Corpus, content, path)
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        target = folder / source.name
        if source.is_file() and not target.exists():
            shutil.copyfile(source, target)
        elif not target.exists():
            print(f"{source} does not exist; reader {guessed['reader']} needs it: copy it to {target}", file=sys.stderr)
    write_yaml(path, content, "Guessed: check and correct it, then run python -m src corpus check " + folder.name)
    print(path.read_text(encoding="utf-8"), end="")
    if problem := doubt(guessed):
        warn([problem])


def check(folder: Path) -> bool:
    """Prints all errors, warnings and statistics of a corpus; returns whether there is no error."""
    errors: list[str] = []
    warnings: list[str] = []
    rows: list[Row] = []
    try:
        corpus = corpus_file.load(folder)
        for row in corpora.try_read(folder, corpus):
            if isinstance(row, UserError):
                errors.append(str(row))
            else:
                rows.append(row)
    except UserError as error:  # no more rows can be read
        errors.append(str(error))
    else:
        rows, dropped = corpora.without_dropped(rows, corpus)
        warnings += [f"label '{label}': {n} rows are dropped by corpus.yaml" for label, n in dropped.items()]
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
    if not rows:
        yield "there are no rows; add rows to the files of the corpus"
    for row in rows:
        try:
            intake_checks.check_row(row, corpus)
        except UserError as error:
            yield str(error)
        first = ids.setdefault(row.example.id, row)
        if first is not row:
            yield str(row.refuse("id", f"{first.place}, has the same id"))
    if rows and not any(task.has_target(row.example) for task in TASKS.values() for row in rows):
        yield "no row has a label, tags or answers, so no task can use the corpus; name their columns in corpus.yaml"
    for row in rows:
        if row.example.split not in ("", *SPLITS):
            yield str(row.refuse("split", f"unknown split; legal: {', '.join(SPLITS)}, and the keys of splits"))
    placed = [row for row in rows if row.example.split in SPLITS]
    if corpus.leaks == "drop":
        leaking = {row.example.id for row, _ in duplicates.leaking(placed)}
        placed = [row for row in placed if row.example.id not in leaking]
    yield from map(str, intake_checks.find_leaks(placed, corpus.inseparable))


def _doubtful(rows: Sequence[Row], corpus: Corpus) -> Iterator[str]:
    yield from (remark for row in rows for remark in row.remarks)
    used = {row.example.label for row in rows}
    for label in corpus.labels:
        if rows and label not in used:
            yield f"no row has the declared label '{label}'"
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
    copies = duplicates.describe(rows)
    if copies["texts"]:
        yield (
            f"{copies['texts']} texts occur more than once, {copies['conflicting_labels']} of them with different "
            f"labels; the first: {', '.join(copies['listed'][0])}"
        )
    near = near_duplicates(duplicates.distinct(rows))
    if near:
        yield f"{len(near)} pairs of texts are near-duplicates; the most similar: {near[0][0]}, {near[0][1]}"


def _show(kind: str, messages: Sequence[str]) -> None:
    for line in messages[:SHOWN]:
        print(f"{kind}: {line}")
    if len(messages) > SHOWN:
        print(f"{kind}: {len(messages) - SHOWN} more")


if __name__ == "__main__":
    run(main)
