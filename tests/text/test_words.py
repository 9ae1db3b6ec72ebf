"""Words of a text, their places, and spans of words.

pytest tests/text/test_words.py
"""

import random
import re
from itertools import product
from pathlib import Path

import pytest

from src import corpora
from src.corpora import corpus_file
from src.text.words import follows, invalid_tag, locate, spans_of, split_words, tags_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\n\u00a0 ", []),
        ("שלום", ["שלום"]),
        ("  הוא\tשבר \n שתיקה\u00a0עכשיו ", ["הוא", "שבר", "שתיקה", "עכשיו"]),
        ("הוא שבר שתיקה.", ["הוא", "שבר", "שתיקה", "."]),
        ("ובכן, לא!", ["ובכן", ",", "לא", "!"]),
        # prefixes stay with their word
        ("ולכשבבית הוא", ["ולכשבבית", "הוא"]),
        # acronyms are one word, with a quote or with gershayim, also behind a prefix
        ('צה"ל', ['צה"ל']),
        ("צה״ל", ["צה״ל"]),
        ('בצה"ל, ושב"כ.', ['בצה"ל', ",", 'ושב"כ', "."]),
        ('"צה"ל"', ['"', 'צה"ל', '"']),
        ("״צה״ל״", ["״", "צה״ל", "״"]),
        ("צ'ק ג׳ורג", ["צ'ק", "ג׳ורג"]),
        ("כיתה א'.", ["כיתה", "א", "'", "."]),
        ('ב"הארץ"', ['ב"הארץ', '"']),
        # the hyphen and the maqaf are letters, at the ends too
        ("בית־ספר", ["בית־ספר"]),
        ("תל-אביב", ["תל-אביב"]),
        ("אי־ ו-90", ["אי־", "ו-90"]),
        ('"תל-אביב־יפו",', ['"', "תל-אביב־יפו", '"', ","]),
        # dashes that stand free are words, those at the ends of a word are peeled
        ("הוא - כך – וכך — שתק ־ לא", ["הוא", "-", "כך", "–", "וכך", "—", "שתק", "־", "לא"]),
        ("–הוא—", ["–", "הוא", "—"]),
        ("הוא–היא", ["הוא–היא"]),
        # every mark of a run is a word of its own
        ("מה?!...", ["מה", "?", "!", ".", ".", "."]),
        ('("(שלום)")', ["(", '"', "(", "שלום", ")", '"', ")"]),
        ("...", [".", ".", "."]),
        ("״\"'", ["״", '"', "'"]),
        ("א.ב.ג.", ["א.ב.ג", "."]),
        ("3.5, 1,000.", ["3.5", ",", "1,000", "."]),
        ("50% 7₪ +", ["50", "%", "7₪", "+"]),
        # niqqud belongs to its letter
        ("שָׁלוֹם, לָךְ!", ["שָׁלוֹם", ",", "לָךְ", "!"]),
    ],
)
def test_a_text_is_split_into_these_words(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in split_words(text)] == words


def test_offsets_of_equal_words_are_those_of_each_one() -> None:
    assert split_words("לא לא, לא") == [(0, 2), (3, 5), (5, 6), (7, 9)]


def test_no_character_but_white_space_is_lost_or_doubled() -> None:
    draw = random.Random(0)
    for _ in range(2000):
        text = "".join(draw.choices("אבש\"״׳'.,-־–()! \n\u00a0ָ7", k=draw.randrange(30)))
        covered = [i for start, end in split_words(text) for i in range(start, end)]
        assert covered == [i for i, character in enumerate(text) if not character.isspace()], repr(text)


def test_a_word_that_is_split_again_stays_as_it_is() -> None:
    for text in ['"צה"ל" – אמר.', 'ב"הארץ", ״בית־ספר״...']:
        words = [text[start:end] for start, end in split_words(text)]
        assert [split_words(word) for word in words] == [[(0, len(word))] for word in words]


@pytest.mark.parametrize(
    ("words", "text", "offsets"),
    [
        ([], "שלום", []),
        (["לא", "לא"], "לא, לא", [(0, 2), (4, 6)]),
        (["הוא", "שבר"], "הוא שבר", [(0, 3), (4, 7)]),
        (["ab", "b"], "abb", [(0, 2), (2, 3)]),
    ],
)
def test_words_are_found_in_their_order(words: list[str], text: str, offsets: list[tuple[int, int]]) -> None:
    assert locate(words, text) == offsets


@pytest.mark.parametrize(
    ("words", "text", "failing"),
    [
        (["הוא", "היא"], "הוא שבר", "היא"),
        (["שבר", "הוא"], "הוא שבר", "הוא"),
        (["לא", "לא"], "לא", "לא"),
        (["ab", "bc"], "abc", "bc"),
        (["א", ""], "א", ""),
        (["א"], "", "א"),
    ],
    ids=["absent", "wrong order", "once for twice", "overlapping", "empty word", "empty text"],
)
def test_a_word_that_is_not_where_it_should_be_is_named(words: list[str], text: str, failing: str) -> None:
    with pytest.raises(ValueError, match=f"^{failing}$"):
        locate(words, text)


@pytest.mark.parametrize(
    ("tags", "position"),
    [
        ([], None),
        (["O"], None),
        (["B-X", "I-X", "I-X", "O", "B-X"], None),
        (["B-X", "B-X", "I-X"], None),
        (["I-X"], 0),
        (["O", "I-X"], 1),
        (["B-X", "O", "I-X"], 2),
        (["B-X", "I-Y"], 1),
        (["B-X", "I-X", "I-Y"], 2),
        (["O", "B"], 1),
        (["B-"], 0),
        (["B-X", "I"], 1),
        (["O-X"], 0),
        (["o"], 0),
        (["b-X"], 0),
        ([""], 0),
        (["B-X", "L-X"], 1),
        (["0"], 0),
    ],
)
def test_the_first_tag_that_is_not_legal_is_found(tags: list[str], position: int | None) -> None:
    assert invalid_tag(tags) == position


@pytest.mark.parametrize(
    ("previous", "tag", "legal"),
    [
        ("O", "O", True),
        ("O", "B-X", True),
        ("O", "I-X", False),
        ("B-X", "O", True),
        ("B-X", "B-X", True),
        ("B-X", "I-X", True),
        ("B-X", "I-Y", False),
        ("I-X", "I-X", True),
        ("I-X", "B-Y", True),
        ("I-Y", "I-X", False),
        ("I-X", "O", True),
    ],
)
def test_one_tag_may_follow_another(previous: str, tag: str, legal: bool) -> None:
    assert follows(previous, tag) is legal


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ([], []),
        (["O", "O"], []),
        (["B-X"], [(0, 1, "X")]),
        (["O", "B-X", "I-X", "I-X", "O"], [(1, 4, "X")]),
        (["B-X", "B-X", "I-X"], [(0, 1, "X"), (1, 3, "X")]),
        (["B-X", "I-X", "B-Y", "I-Y"], [(0, 2, "X"), (2, 4, "Y")]),
        (["B-X-Z", "I-X-Z"], [(0, 2, "X-Z")]),
        # not legal: an I- that continues nothing opens no span
        (["I-X", "I-X"], []),
        (["B-X", "I-Y", "I-X"], [(0, 1, "X")]),
        (["B-X", "O", "I-X"], [(0, 1, "X")]),
    ],
)
def test_tags_mark_these_spans(tags: list[str], spans: list[tuple[int, int, str]]) -> None:
    assert spans_of(tags) == spans


def test_spans_become_these_tags() -> None:
    assert tags_of([(1, 2, "X"), (2, 5, "Y")], 6) == ["O", "B-X", "B-Y", "I-Y", "I-Y", "O"]
    assert tags_of([], 2) == ["O", "O"]
    assert tags_of([], 0) == []


def test_all_short_sequences_are_legal_or_not_as_a_regular_expression_says_and_legal_ones_come_back() -> None:
    legal = re.compile(r"(?:O |B-X (?:I-X )*|B-Y (?:I-Y )*)*")
    for length in range(6):
        for tags in product(["O", "B-X", "I-X", "B-Y", "I-Y"], repeat=length):
            is_legal = legal.fullmatch("".join(f"{tag} " for tag in tags)) is not None
            again = tags_of(spans_of(tags), length)
            assert (invalid_tag(tags) is None) == is_legal, tags
            assert (again == list(tags)) == is_legal, tags
            assert invalid_tag(again) is None, tags


def test_the_tags_of_the_sample_come_back_from_their_spans() -> None:
    folder = ROOT / "data" / "raw" / "sample"
    rows = list(corpora.read(folder, corpus_file.load(folder)))
    assert len(rows) == 640
    for row in rows:
        tags = row.example.tags or []
        assert invalid_tag(tags) is None, row.place
        assert tags_of(spans_of(tags), len(tags)) == tags, row.place


def test_a_tag_needs_its_label_and_o_has_none() -> None:
    assert invalid_tag(["O-"]) == invalid_tag(["O-X"]) == invalid_tag(["B"]) == invalid_tag(["B-"]) == 0
