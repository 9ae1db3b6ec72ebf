"""Canonical idioms in sentences, by hand and on the Hebrew idiom corpus.

pytest tests/text/test_lexicon.py
"""

import ast
import csv
from collections import defaultdict
from pathlib import Path

import pytest

from src.text.lexicon import Lexicon

IDIOMS = Lexicon(
    ["שבר את הקרח", "ירד לו האסימון", "הלך על ביצים", "ירד מהעץ", "פתח דלתות", "נתן יד", "שבר את הראש", "לב זהב"]
)


def found(sentence: str) -> list[str]:
    words = sentence.split()
    return [" ".join(words[first:end]) for first, end, _ in IDIOMS.find(words)]


@pytest.mark.parametrize(
    "marked",
    [
        pytest.param("הוא [שבר את הקרח] בבדיחה", id="as cited"),
        pytest.param("[וכשנשברה את הקרח] צחקנו", id="inflected, with prefixes"),
        pytest.param("אל [תשברי את הקרח]", id="future"),
        pytest.param("[שברתי לו אתמול את הקרח]", id="words between"),
        pytest.param("[שברו את כל הקרח]", id="a quantifier"),
        pytest.param("[שברנו קרח]", id="no accusative and no article"),
        pytest.param("[ירד האסימון]", id="no pronoun"),
        pytest.param("סוף סוף [ירד לכולם האסימון]", id="another pronoun"),
        pytest.param("[כשהאסימון ירד] לה", id="the verb last"),
        pytest.param("[הקרח נשבר]", id="passive"),
        pytest.param("[שבירת הקרח] היא אמנות", id="a noun of the verb"),
        pytest.param("[ירדה מן העץ]", id="a preposition that stands alone"),
        pytest.param("היו לה [לב זהב] וסבלנות", id="no verb"),
        pytest.param("[פתח לי דלת] ו [נתן לי יד]", id="two idioms"),
    ],
)
def test_an_idiom_is_found_in_any_form_with_exact_ends(marked: str) -> None:
    expected = [part.partition("]")[0] for part in marked.split("[")[1:]]
    assert found(marked.replace("[", "").replace("]", "")) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("הוא שבר את הכוס", id="another object"),
        pytest.param("הוא קנה קרח", id="another verb"),
        pytest.param("הוא שבר . את הקרח", id="punctuation between"),
        pytest.param("הוא שבר את הכוס בקרח", id="the verb has another object"),
        pytest.param("הוא הלך לקנות ביצים", id="no preposition"),
        pytest.param("הוא שבר משהו גדול ויקר מאוד וקרח", id="too far"),
        pytest.param("", id="no words"),
        pytest.param(". , !", id="punctuation alone"),
    ],
)
def test_what_is_no_idiom_is_not_found(sentence: str) -> None:
    assert found(sentence) == []


def test_of_two_places_the_nearer_is_taken() -> None:
    assert found("שבר הוא שבר את הקרח קרח") == ["שבר את הקרח"]


def test_a_span_is_named_by_its_idiom() -> None:
    assert IDIOMS.find(["הקרח", "נשבר"]) == [(0, 2, "שבר את הקרח")]


def test_an_idiom_of_another_language_is_found_as_it_stands() -> None:
    assert Lexicon(["cut corners"]).find(["they", "cut", "all", "corners"]) == [(1, 4, "cut corners")]


def test_without_idioms_nothing_is_found() -> None:
    assert Lexicon([]).find(["שבר"]) == []


@pytest.fixture(scope="module")
def sentences(idiom_data: Path) -> dict[str, list[list[str]]]:
    """{canonical idiom: the words of its sentences}."""
    groups: dict[str, list[list[str]]] = defaultdict(list)
    with (idiom_data / "expressions_data_tagged_v2.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            groups[row["base_pie"]].append(ast.literal_eval(row["tokens"]))
    return groups


def test_little_is_found_where_no_idiom_is(sentences: dict[str, list[list[str]]]) -> None:
    """Each sentence is searched for the 59 other idioms; nearly half of what is found is truly one of them."""
    spans = 0
    for idiom, rows in sentences.items():
        others = Lexicon([other for other in sentences if other != idiom])
        spans += sum(len(others.find(words)) for words in rows)
    assert spans / 4800 < 0.015
