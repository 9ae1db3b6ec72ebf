"""Reader `squad`: the official JSON. On the real files: tests/corpora/test_real.py.

pytest tests/corpora/readers/test_squad.py
"""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.corpora.conftest import refusal_of, rows_of

Table = Callable[..., Path]
CONTEXT = "Rollo was a Norse leader. Rollo died in 930."


def question(number: int, *answers: tuple[str, int], **more: Any) -> dict[str, Any]:
    found = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": f"q{number}", "question": f"Who {number}?", "answers": found, "is_impossible": not found, **more}


def squad(table: Table, *questions: dict[str, Any], context: str = CONTEXT) -> Path:
    article = {"title": "Normans", "paragraphs": [{"context": context, "qas": list(questions)}]}
    text = json.dumps({"version": "v2.0", "data": [article]})
    return table({"a.json": text}, reader="squad", labels=[], columns=...)


def test_questions_have_several_answers_or_none_and_plausible_ones_are_not_gold(table: Table) -> None:
    plausible = [{"text": "Rollo", "answer_start": 0}]
    rows = rows_of(squad(table, question(1, ("Rollo", 0), ("Rollo", 26), ("Rollo", 0)),
                         question(2, plausible_answers=plausible)))  # fmt: skip
    assert [row.example.answers for row in rows] == [[[0, 5], [26, 31]], []]
    assert [(row.example.id, row.number) for row in rows] == [("q1", 1), ("q2", 2)]
    assert rows[0].example.text == "Who 1?"
    assert rows[0].example.text_pair == CONTEXT
    assert rows[0].example.group == "Normans"
    assert rows[0].example.label is None


def test_squad_1_has_no_word_on_impossible_questions(table: Table) -> None:
    found = question(1, ("Rollo", 0))
    del found["is_impossible"]
    assert rows_of(squad(table, found))[0].example.answers == [[0, 5]]


def test_offsets_follow_the_text_into_its_composed_form(table: Table) -> None:
    context = unicodedata.normalize("NFD", "é é Rollo")
    (row,) = rows_of(squad(table, question(1, ("Rollo", context.index("Rollo"))), context=context))
    assert row.example.text_pair == "é é Rollo"
    assert row.example.answers == [[4, 9]]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (question(2, ("Rollo", 1)), "a.json, row 2, column 'answers': the text at answer_start is not the answer"),
        (question(2, ("", 1)), "a.json, row 2, column 'answers': "),
        (question(2, is_impossible=False), "a.json, row 2, column 'is_impossible': the question has 0 answers"),
        (question(2, ("Rollo", 0), is_impossible=True), "a.json, row 2, column 'is_impossible': the question has 1"),
        ({"id": "q2", "question": "Who?"}, "a.json, after row 2: not the JSON of SQuAD: no key 'answers'"),
        (question(1), "a.json, row 2, column 'id': a.json, row 1, has the same id"),
    ],
)
def test_a_question_that_is_wrong_is_refused(table: Table, broken: dict[str, Any], message: str) -> None:
    assert refusal_of(squad(table, question(1), broken)).startswith(message)


@pytest.mark.parametrize("text", ["{}", "[]", '{"data": [{"title": "x"}]}', '{"data": 5}'])
def test_other_json_is_refused(table: Table, text: str) -> None:
    folder = table({"a.json": text}, reader="squad", labels=[], columns=...)
    assert "a.json, after row 0: not the JSON of SQuAD" in refusal_of(folder)
