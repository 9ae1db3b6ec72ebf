"""Which sub-word stands for which word: by hand, and over real tokenizers against what these say themselves.

pytest tests/tasks/test_alignment.py
"""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, BatchEncoding, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from src.core.records import Example
from src.core.user_errors import UserError
from src.tasks.alignment import first_subwords, tokenize
from src.text.words import Offsets, split_words
from tests.models.conftest import ARCHITECTURES

HARD = {
    "prefixes": "וכשבבתיהם שבהרים לכשתרצו",
    "punctuation": '"שלום," אמר (בלחש)... ?!',
    "acronyms": 'צה"ל, ארה״ב וד"ר ז׳בוטינסקי',
    "final letters": "ארץ שלום מלך סוף ילדים",
    "maqaf": "בית־ספר תל־אביב אי־אפשר",
    "hyphens and dashes": "ת-א – כן — לא -",
    "niqqud": "שָׁלוֹם עַל יִשְׂרָאֵל",
    "other alphabets": "iPhone 15 של Müller באמת ١٢٣",
    "emoji": "כל הכבוד 👍🏽 לך 👨‍👩‍👧 !",
    "white space": "  רווח   כפול\tטאב\nשורה סוף  ",
    "no-break space": "עמוד\u00a012\u200fסוף",
    "one word": "שלום",
    "long word": "א" * 60 + " ב",
}


def example(text: str, text_pair: str | None = None) -> Example:
    tokens = [text[start:end] for start, end in split_words(text)]
    return Example(id="x", text=text, text_pair=text_pair, tokens=tokens, split="test")


@pytest.fixture(params=ARCHITECTURES)
def tokenizer(request: pytest.FixtureRequest, local_models: dict[str, Path]) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(local_models[request.param])


def asked(encoded: BatchEncoding, text: str) -> list[int | None]:
    """The first sub-word of each word, asked of the tokenizer one character at a time."""
    firsts = []
    for start, end in split_words(text):
        found = [encoded.char_to_token(0, character, sequence_index=0) for character in range(start, end)]
        firsts.append(next((position for position in found if position is not None), None))
    return firsts


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_the_first_subword_of_every_word_is_the_one_that_the_tokenizer_names(
    text: str, tokenizer: PreTrainedTokenizerBase
) -> None:
    ((encoding,),) = tokenize([example(text)], tokenizer, 512, with_words=True)
    assert encoding.first_subwords == asked(tokenizer([text]), text)
    assert None not in encoding.first_subwords


def test_the_first_subwords_of_a_corpus_are_those_that_the_tokenizer_names(
    tokenizer: PreTrainedTokenizerBase, splits: dict[str, list[Example]]
) -> None:
    examples = splits["train"]
    for given, (encoding,) in zip(examples, tokenize(examples, tokenizer, 512, with_words=True), strict=True):
        assert given.tokens == [given.text[start:end] for start, end in split_words(given.text)]
        assert encoding.first_subwords == asked(tokenizer([given.text]), given.text)
        assert len(encoding.first_subwords) == len(given.tokens or [])
        assert None not in encoding.first_subwords


@pytest.mark.parametrize("architecture", ["bert", "electra", "distilbert"])
def test_wordpiece_starts_a_word_where_it_does_when_words_are_given_one_by_one(
    architecture: str, local_models: dict[str, Path], splits: dict[str, list[Example]]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(local_models[architecture])
    examples = splits["test"]
    for given, (encoding,) in zip(examples, tokenize(examples, tokenizer, 512, with_words=True), strict=True):
        words = tokenizer(given.tokens, is_split_into_words=True)
        assert words["input_ids"] == encoding.inputs["input_ids"]
        expected = [words.word_ids().index(word) for word in range(len(given.tokens or []))]
        assert encoding.first_subwords == expected


@pytest.mark.parametrize("architecture", ["roberta", "xlm-roberta"])
def test_the_tokenizers_at_hand_do_put_the_blank_into_the_subword(
    architecture: str, local_models: dict[str, Path], splits: dict[str, list[Example]]
) -> None:
    """What makes the tests above mean something for this kind of tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(local_models[architecture])
    text = splits["train"][0].text
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    assert any(text[start:end][:1] == " " and text[start:end].strip() for start, end in offsets)


def test_text_that_the_tokenizer_normalises_is_aligned_with_the_text_as_it_stands(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    text = "cafe\u0301 שׁלום בית"  # one letter and an accent, and one sign that NFC takes apart
    ((encoding,),) = tokenize([example(text)], tokenizer, 512, with_words=True)
    assert encoding.first_subwords == asked(tokenizer([text]), text)
    assert None not in encoding.first_subwords


def test_the_inputs_are_those_of_the_tokenizer_called_on_the_plain_text(
    tokenizer: PreTrainedTokenizerBase, splits: dict[str, list[Example]]
) -> None:
    examples = splits["test"]
    plain = tokenizer([given.text for given in examples])
    for with_words in (True, False):
        for i, (encoding,) in enumerate(tokenize(examples, tokenizer, 512, with_words=with_words)):
            assert encoding.inputs == {name: plain[name][i] for name in plain}


def test_words_that_are_cut_off_have_no_subword(tokenizer: PreTrainedTokenizerBase) -> None:
    text = " ".join(["בית", "ספר", "ארוך"] * 10)
    ((whole,),) = tokenize([example(text)], tokenizer, 512, with_words=True)
    ((cut,),) = tokenize([example(text)], tokenizer, 12, with_words=True)
    assert len(cut.inputs["input_ids"]) == 12
    inside = [position for position in whole.first_subwords if position is not None and position < 11]
    assert 0 < len(inside) < 30
    assert cut.first_subwords == inside + [None] * (30 - len(inside))


def test_of_a_pair_only_the_first_text_has_words(tokenizer: PreTrainedTokenizerBase) -> None:
    text = "הבית הגדול בקצה הרחוב"
    ((alone,),) = tokenize([example(text)], tokenizer, 512, with_words=True)
    ((paired,),) = tokenize([example(text, text_pair=text)], tokenizer, 512, with_words=True)
    assert paired.first_subwords == alone.first_subwords
    assert paired.inputs["input_ids"] == tokenizer(text, text_pair=text)["input_ids"]
    assert len(paired.inputs["input_ids"]) > len(alone.inputs["input_ids"])


def test_subwords_of_the_second_text_never_stand_in_for_words_cut_off_from_the_first(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    """The first text is of short words and the second of longer ones, so that their offsets overlap."""
    text, text_pair = " ".join("אבגדהוזחטיכלמנסעפצקרשת"), " ".join(["של", "על", "את"] * 5)
    ((paired,),) = tokenize([example(text, text_pair=text_pair)], tokenizer, 16, with_words=True)
    encoded = tokenizer([text], text_pair=[text_pair], truncation=True, max_length=16, return_offsets_mapping=True)
    own = {i for i, sequence in enumerate(encoded.sequence_ids(0)) if sequence == 0}
    kept = [position for position in paired.first_subwords if position is not None]
    assert set(kept) <= own
    assert 0 < len(kept) < 22
    assert paired.first_subwords[len(kept) :] == [None] * (22 - len(kept))
    assert encoded["offset_mapping"][0][-2][1] > 2 * len(kept), "the second text reaches as far as the words cut off"


def test_an_example_is_encoded_alike_whatever_stands_beside_it(tokenizer: PreTrainedTokenizerBase) -> None:
    single, pair = example("בית אחד"), example("בית אחד", text_pair="בית שני")
    for with_words in (True, False):
        ((alone,),) = tokenize([single], tokenizer, 64, with_words=with_words)
        ((paired,),) = tokenize([pair], tokenizer, 64, with_words=with_words)
        together = tokenize([single, pair, single], tokenizer, 64, with_words=with_words)
        assert together == [[alone], [paired], [alone]]


def test_without_words_nothing_is_aligned(tokenizer: PreTrainedTokenizerBase) -> None:
    ((plain,),) = tokenize([example("בית ספר")], tokenizer, 64, with_words=False)
    ((wordless,),) = tokenize([replace(example("בית ספר"), tokens=None)], tokenizer, 64, with_words=True)
    assert plain.first_subwords == wordless.first_subwords == []
    assert plain.inputs == wordless.inputs
    assert tokenize([], tokenizer, 64, with_words=True) == []


def test_a_subword_that_covers_two_words_serves_both() -> None:
    """A tokenizer that knows white space only: a word and the comma behind it are one sub-word."""
    backend = Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "בית,": 3, "ספר": 4}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")
    given = example("בית, ספר")
    assert given.tokens == ["בית", ",", "ספר"]
    ((encoding,),) = tokenize([given], tokenizer, 64, with_words=True)
    assert encoding.inputs["input_ids"] == [1, 3, 4, 2]
    assert encoding.first_subwords == [1, 1, 2]


@pytest.mark.parametrize(
    ("text", "subwords", "words", "expected"),
    [
        pytest.param("ab cd", [None, (0, 2), (3, 5), None], [(0, 2), (3, 5)], [1, 2], id="a sub-word a word"),
        pytest.param("abcd", [None, (0, 1), (1, 3), (3, 4), None], [(0, 4)], [1], id="many sub-words a word"),
        pytest.param("ab cd", [(0, 2), (2, 5)], [(0, 2), (3, 5)], [0, 1], id="a blank inside the sub-word"),
        pytest.param("ab cd", [(0, 2), (2, 3), (3, 5)], [(0, 2), (3, 5)], [0, 2], id="the blank is a sub-word"),
        pytest.param("ab \t cd", [(0, 2), (2, 7)], [(0, 2), (5, 7)], [0, 1], id="several blanks inside"),
        pytest.param("ab,", [(0, 3)], [(0, 2), (2, 3)], [0, 0], id="one sub-word for two words"),
        pytest.param("ab cd ef", [(0, 4), (4, 8)], [(0, 2), (3, 5), (6, 8)], [0, 0, 1], id="a sub-word ends in a word"),
        pytest.param("é b", [(0, 1), (0, 1), (1, 3)], [(0, 1), (2, 3)], [0, 2], id="bytes of one character"),
        pytest.param("ab cd", [None, (0, 2), None], [(0, 2), (3, 5)], [1, None], id="cut off"),
        pytest.param("a ~ b", [(0, 1), (4, 5)], [(0, 1), (2, 3), (4, 5)], [0, None, 1], id="a word dropped"),
        pytest.param("ab cd", [(0, 0), (0, 2), (2, 2), (3, 5)], [(0, 2), (3, 5)], [1, 3], id="empty sub-words"),
        pytest.param("ab", [None, None], [(0, 2)], [None], id="special tokens only"),
        pytest.param("ab", [], [(0, 2)], [None], id="no sub-words"),
        pytest.param("ab", [(0, 2)], [], [], id="no words"),
    ],
)
def test_words_find_their_first_subword(
    text: str, subwords: list[Offsets | None], words: list[Offsets], expected: list[int | None]
) -> None:
    assert first_subwords(subwords, words, text) == expected


LONG = " ".join(["בית,", "ספר", "גדול.", "הגשר", "עומד!"] * 8)


@pytest.mark.parametrize("paired", [False, True])
def test_windows_cover_the_searched_text_and_share_their_stride(
    tokenizer: PreTrainedTokenizerBase, paired: bool
) -> None:
    given = example("מה יש כאן?", text_pair=LONG) if paired else example(LONG)
    (windows,) = tokenize([given], tokenizer, 24, with_words=True, stride=5)
    (whole,) = tokenize([given], tokenizer, 512, with_words=True, stride=5)[0]
    assert len(windows) > 3
    assert whole.extent == (windows[0].extent[0], windows[-1].extent[1]) == (0, len(LONG))
    found: list[tuple[int, int]] = []
    first = next(i for i, offsets in enumerate(whole.offsets) if offsets)
    ids = [window.inputs["input_ids"][first:-1] for window in windows]
    assert all(before[-5:] == behind[:5] for before, behind in itertools.pairwise(ids))
    for window in windows:
        inside = [offsets for offsets in window.offsets if offsets]
        assert len(window.inputs["input_ids"]) == len(window.offsets) <= 24
        assert {len(values) for values in window.inputs.values()} == {len(window.offsets)}
        found += [offsets for offsets in inside if not found or offsets > found[-1]]
    assert found == [offsets for offsets in whole.offsets if offsets]
    for start, end in found:
        assert LONG[start:end] == LONG[start:end].strip() != ""
    covered = {i for start, end in found for i in range(start, end)}
    assert covered == {i for i, letter in enumerate(LONG) if not letter.isspace()}


def test_the_question_is_whole_in_every_window_and_has_no_offsets(tokenizer: PreTrainedTokenizerBase) -> None:
    question = "מה יש כאן?"
    ids = tokenizer(question)["input_ids"]
    (windows,) = tokenize([example(question, text_pair=LONG)], tokenizer, 24, with_words=True, stride=5)
    for window in windows:
        assert window.inputs["input_ids"][: len(ids)] == ids
        assert window.offsets[: len(ids)] == [None] * len(ids)
        assert window.offsets[-1] is None
        assert window.inputs["input_ids"][0] == tokenizer.cls_token_id


def test_a_text_that_is_short_enough_is_one_window_with_the_inputs_that_it_has_anyway(
    tokenizer: PreTrainedTokenizerBase, splits: dict[str, list[Example]]
) -> None:
    for given in (*splits["test"], example("בית אחד", text_pair="בית שני")):
        ((plain,),) = tokenize([given], tokenizer, 128, with_words=True)
        ((window,),) = tokenize([given], tokenizer, 128, with_words=True, stride=32)
        assert (window.inputs, window.first_subwords) == (plain.inputs, plain.first_subwords)


def test_every_word_of_a_long_text_is_in_a_window(tokenizer: PreTrainedTokenizerBase) -> None:
    (windows,) = tokenize([example(LONG)], tokenizer, 24, with_words=True, stride=5)
    ((whole,),) = tokenize([example(LONG)], tokenizer, 512, with_words=True)
    per_word = list(zip(*(window.first_subwords for window in windows), strict=True))
    assert len(per_word) == len(whole.first_subwords)
    assert all(any(position is not None for position in positions) for positions in per_word)
    assert windows[0].first_subwords[:3] == whole.first_subwords[:3]


@pytest.mark.parametrize(("max_length", "stride"), [(24, 20), (8, 0), (12, 5)])
def test_a_question_that_leaves_no_room_for_windows_is_refused_with_the_example_and_both_keys(
    tokenizer: PreTrainedTokenizerBase, max_length: int, stride: int
) -> None:
    given = replace(example("מה יש כאן ועל מה הוא עומד?", text_pair=LONG), id="q7")
    with pytest.raises(UserError) as error:
        tokenize([given], tokenizer, max_length, with_words=True, stride=stride)
    for word in ("q7", f"train.max_length: {max_length}", f"train.stride: {stride}"):
        assert word in str(error.value)
