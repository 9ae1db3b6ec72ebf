"""Forms of Hebrew words: which share a stem and which do not.

pytest tests/text/test_hebrew.py
"""

import pytest

from src.text import hebrew


def is_form(word: str, cited: str, before: str = "") -> bool:
    """Whether a word of a sentence may be a form of the only word of an idiom."""
    (keys,) = hebrew.idiom_keys(cited)
    return not keys.keys().isdisjoint(hebrew.word_keys(hebrew.letters(word), hebrew.letters(before)))


def is_noun_form(word: str, cited: str, before: str = "") -> bool:
    _, keys = hebrew.idiom_keys(f"פתח {cited}")
    return not keys.keys().isdisjoint(hebrew.word_keys(hebrew.letters(word), hebrew.letters(before)))


VERBS = {
    "סגר": "סגרתי סגרה סגרתם סוגרות לסגור תסגרי אסגור נסגר סגירת וכשסגרו מלסגור הסגירה",
    "הוריד": "הורדתי מוריד להוריד תורידי הורדת ירד להורדת כשמורידים",
    "נפל": "נפלתי יפול תיפלו נופלת הפיל ליפול נפילה",
    "נשבר": "נשברו להישבר יישבר נשברת שבר",
    "התחבא": "התחבאתי מתחבאים תתחבא להתחבא",
    "הלך": "הלכתי הולכים תלכו ללכת הליכה",
    "נתן": "נתתי ייתן לתת נותנים תני נתנו תיתנו",
    "לקח": "לקחת תיקח קחי לוקחים ייקחו",
    "היה": "הייתה יהיו להיות והיינו תהיה שהיית",
    "ירה": "ירו ירתה יורים לירות תירה",
    "עלה": "עלתה עלו עולים יעלה לעלות עלינו",
    "שם": "שמו שמה לשים שמנו תשימי ושם כששם",
}
NOUNS = {
    "דלתות": "דלת הדלת ודלתות בדלתות דלתותיו דלתי",
    "שפתיים": "שפתיו שפתיה שפתותיה השפתיים",
    "ראש": "הראש ראשו ראשה ראשם ראשי ראשים שראשך",
    "יד": "ידו ידיה ידיים היד בידיי",
    "הזנב": "זנבו זנב זנבותיהם",
    "עצמו": "עצמה עצמם עצמי עצמך",
    "לבן": "הלבן לבנה לבנים",
}


@pytest.mark.parametrize(("cited", "word"), [(cited, word) for cited, words in VERBS.items() for word in words.split()])
def test_a_verb_is_found_in_every_person_tense_and_binyan(cited: str, word: str) -> None:
    assert is_form(word, cited)


@pytest.mark.parametrize(("cited", "word"), [(cited, word) for cited, words in NOUNS.items() for word in words.split()])
def test_a_noun_is_found_in_every_number_and_with_any_possessor(cited: str, word: str) -> None:
    assert is_noun_form(word, cited)


@pytest.mark.parametrize(
    ("cited", "word"), [("סגר", "שבר"), ("סגר", "סוכר"), ("נתן", "נתח"), ("היה", "הוא"), ("היה", "לו"), ("ירה", "הר")]
)
def test_another_verb_is_none(cited: str, word: str) -> None:
    assert not is_form(word, cited)


@pytest.mark.parametrize(
    ("cited", "word"), [("דם", "יד"), ("יד", "דם"), ("גבה", "גבוהים"), ("דם", "כדי"), ("למים", "מים"), ("כלים", "כל")]
)
def test_another_noun_is_none(cited: str, word: str) -> None:
    assert not is_noun_form(word, cited)


def test_a_preposition_may_stand_alone_or_be_a_letter() -> None:
    assert is_noun_form("העץ", "מהעץ", before="מן")
    assert is_noun_form("המים", "למים", before="אל")
    assert not is_noun_form("העץ", "מהעץ", before="על")


def test_what_is_cut_costs_its_consonants_and_a_clause_costs_nothing() -> None:
    words = ("סגר", "סוגר", "וכשסגרה", "סגרתי", "להיסגר", "תסגרנה")
    assert [hebrew.word_keys(word)["verb", "סגר"] for word in words] == [0, 0, 0, 1, 1, 2]


def test_points_and_final_letters_make_no_difference() -> None:
    assert hebrew.letters("הָלַךְ") == hebrew.letters("הלך") == "הלכ"


@pytest.mark.parametrize("word", ["את", "ואותו", "לה", "שלהם", "ממנו", "הוא", "בין", "ושעל", "כולם", "אליו", "איתם"])
def test_function_words_are_known(word: str) -> None:
    assert hebrew.is_function_word(hebrew.letters(word))


@pytest.mark.parametrize("word", ["לב", "זהב", "שבר", "ידיים", "מאחור", "שמה", "אור"])
def test_content_words_are_no_function_words(word: str) -> None:
    assert not hebrew.is_function_word(hebrew.letters(word))


def test_words_of_other_scripts_have_no_affixes() -> None:
    assert hebrew.word_keys("kicked") == {("verb", "kicked"): 0, ("noun", "kicked"): 0}
