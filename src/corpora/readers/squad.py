"""Reader `squad`: the official JSON of SQuAD 1.1 and 2.0; row n is the n-th question of the file.

The question is the text, its paragraph is text_pair, and the title of the article is the group. The gold answers are
`answers`, without duplicates; `plausible_answers` of questions without an answer are ignored.

The whole file is read into memory, because it is one JSON value; the official files have 40 MB.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from src.core.files import read_json
from src.core.records import Example
from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.readers import spans
from src.corpora.rows import Row, RowOrError, nfc, refusal

COLUMNS = {"id": "id", "text": "question", "text_pair": "context", "group": "title", "answers": "answers"}


def read(path: Path, corpus: Corpus, *, targets: bool = True) -> Iterator[RowOrError]:
    """Yields the questions of one file.

    Args:
        targets: False: questions may have no `answers`.

    Raises:
        UserError: the file is not JSON, or not the JSON of SQuAD.
    """
    questions = _questions(path)
    number = 0
    try:
        for number, (title, context, question) in enumerate(questions, start=1):
            yield _row(path, number, title, context, question, targets)
    except (KeyError, TypeError, AttributeError) as error:
        problem = f"no key {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path}, after row {number}: not the JSON of SQuAD: {problem}") from error


def _questions(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for article in read_json(path)["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                yield article["title"], paragraph["context"], question


def _row(path: Path, number: int, title: str, context: str, question: dict[str, Any], targets: bool) -> RowOrError:
    answers = question["answers"] if targets else question.get("answers")
    gold: list[list[int]] | None = None if answers is None else []
    for answer in answers or []:
        start, text = answer["answer_start"], answer["text"]
        if not text or context[start : start + len(text)] != text:
            return refusal(path, number, "answers", answer, "the text at answer_start is not the answer")
        span = spans.moved(context, start, start + len(text))
        if gold is not None and span not in gold:
            gold.append(span)
    impossible = question.get("is_impossible")
    if gold is not None and impossible is not None and impossible == bool(gold):
        return refusal(path, number, "is_impossible", impossible, f"the question has {len(gold)} answers")
    example = Example(
        id=str(question["id"]),
        text=nfc(question["question"]),
        text_pair=nfc(context),
        group=nfc(title),
        answers=gold,
        split="",
    )
    return Row(example, path, number, COLUMNS)
