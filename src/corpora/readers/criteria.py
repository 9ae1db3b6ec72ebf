"""Reader `criteria`: which criteria a post meets, and the evidence in the post; a row per post and criterion.

The file that corpus.yaml names is the table of annotations. Its columns are post_id, criterion, status (0 or 1) and,
optionally, the text of the evidence (evidence) or its offsets in characters of the post (start, end; ends exclusive).
Several rows of one post and criterion are several pieces of evidence. The same folder has posts.csv (post_id, text)
and criteria.json ({criterion: text}).

The text is the text of the criterion, and text_pair is the post. The label is the status. The group is the criterion,
so each criterion has its own scores. corpus.yaml must have `inseparable: text_pair`, which keeps a post in one split.
Evidence that is not in the post is reported and left out. If a criterion is met and no evidence is located, the row
has no evidence target. If a criterion is not met, the target is that there is no evidence.

All three files are read into memory, because the rows of a pair may be anywhere in the files.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum, auto
from pathlib import Path

from src.core.files import read_json
from src.core.records import Example
from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.readers import delimited, spans
from src.corpora.readers.delimited import Cells
from src.corpora.rows import Row, RowOrError, nfc, refusal


class Column(StrEnum):
    """The columns of the table of annotations."""

    POST_ID = auto()
    CRITERION = auto()
    STATUS = auto()
    EVIDENCE = auto()
    START = auto()
    END = auto()


COLUMNS = {
    "id": Column.POST_ID,
    "text": Column.CRITERION,
    "text_pair": Column.POST_ID,
    "group": Column.CRITERION,
    "label": Column.STATUS,
    "answers": Column.EVIDENCE,
}
BESIDE = ("posts.csv", "criteria.json")
REQUIRED = (Column.POST_ID, Column.CRITERION, Column.STATUS)
Pair = tuple[str, str]  # post_id and criterion


def read(path: Path, corpus: Corpus, *, targets: bool = True) -> Iterator[RowOrError]:
    """Yields a row per post and criterion, in the order of their first annotations.

    Args:
        targets: False: annotations may have no status.

    Raises:
        UserError: a file or column is missing, or a file cannot be read.
    """
    for name in BESIDE:
        if not (path.parent / name).is_file():
            raise UserError(f"{path} needs the file {path.parent / name}; to fetch it: {corpus.fetch}")
    criteria = _criteria(path.parent / "criteria.json")
    posts, refused = _posts(path.parent / "posts.csv")
    yield from refused
    annotations: dict[Pair, list[tuple[int, Cells]]] = {}
    for number, cells in delimited.read(path, REQUIRED if targets else REQUIRED[:2]):
        problem = cells if isinstance(cells, UserError) else _problem(path, number, cells, criteria, posts)
        if problem:
            yield problem
        else:
            assert not isinstance(cells, UserError)
            annotations.setdefault((cells[Column.POST_ID], cells[Column.CRITERION]), []).append((number, cells))
    for (post, criterion), pair_annotations in annotations.items():
        yield _row(path, post, criterion, pair_annotations, criteria[criterion], posts[post])


def _criteria(path: Path) -> dict[str, str]:
    criteria = read_json(path)
    if not isinstance(criteria, dict) or not all(isinstance(text, str) and text.strip() for text in criteria.values()):
        raise UserError(f"{path}: an object {{criterion: text}} is expected")
    return criteria


def _posts(path: Path) -> tuple[dict[str, str], list[UserError]]:
    posts: dict[str, str] = {}
    refused: list[UserError] = []
    for number, cells in delimited.read(path, ["post_id", "text"]):
        if isinstance(cells, UserError):
            refused.append(cells)
        elif cells["post_id"] in posts:
            refused.append(refusal(path, number, "post_id", cells["post_id"], "the post_id occurs in an earlier row"))
        elif not cells["text"].strip():
            refused.append(refusal(path, number, "text", cells["text"], "the post is empty"))
        else:
            posts[cells["post_id"]] = cells["text"]
    return posts, refused


def _problem(
    path: Path, number: int, cells: Cells, criteria: Mapping[str, str], posts: Mapping[str, str]
) -> UserError | None:
    if cells[Column.POST_ID] not in posts:
        return refusal(path, number, Column.POST_ID, cells[Column.POST_ID], "posts.csv has no such post")
    if cells[Column.CRITERION] not in criteria:
        legal = f"criteria.json has no such criterion; legal: {', '.join(criteria)}"
        return refusal(path, number, Column.CRITERION, cells[Column.CRITERION], legal)
    if Column.STATUS in cells and cells[Column.STATUS] not in ("0", "1"):
        return refusal(path, number, Column.STATUS, cells[Column.STATUS], "the status is 0 or 1")
    return None


def _row(
    path: Path, post: str, criterion: str, annotations: list[tuple[int, Cells]], question: str, text: str
) -> RowOrError:
    first, first_cells = annotations[0]
    status = first_cells.get(Column.STATUS)
    answers: list[list[int]] = []
    remarks: list[str] = []
    for number, cells in annotations:
        if cells.get(Column.STATUS) != status:
            problem = f"row {first} has status {status} for this pair"
            return refusal(path, number, Column.STATUS, cells[Column.STATUS], problem)
        try:
            answers += [span for span in _evidence(cells, text) if span not in answers]
        except ValueError as error:
            remarks.append(f"{path}, row {number}: {error}")
    if status == "0" and (answers or remarks):
        return refusal(path, first, Column.STATUS, status, "there is evidence, so the status must be 1")
    example = Example(
        id=f"{post}/{criterion}",
        text=nfc(question),
        text_pair=nfc(text),
        group=criterion,
        label=status,
        answers=answers if answers or (status == "0" and _has_evidence(first_cells)) else None,
        split="",
    )
    return Row(example, path, first, COLUMNS, tuple(remarks))


def _has_evidence(cells: Cells) -> bool:
    return Column.EVIDENCE in cells or Column.START in cells


def _evidence(cells: Cells, text: str) -> list[list[int]]:
    """The places of one piece of evidence; if its text occurs several times, all places are evidence.

    Raises:
        ValueError: the evidence is not in the post.
    """
    part, start, end = (cells.get(column, "") for column in (Column.EVIDENCE, Column.START, Column.END))
    if start or end:
        if not (start.isdecimal() and end.isdecimal()):
            raise ValueError(f"start {start!r} and end {end!r} must be whole numbers")
        span = spans.moved(text, int(start), int(end))
        if part and text[int(start) : int(end)] != part:
            raise ValueError(f"the text from {start} to {end} is not the evidence {part!r}")
        return [span]
    if not part.strip():
        return []
    places = spans.occurrences(part.strip(), text)
    if not places:
        raise ValueError(f"the evidence {part!r} is not in post '{cells[Column.POST_ID]}'")
    return places
