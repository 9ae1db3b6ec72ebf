"""Canonical idioms of a corpus: from its groups, or from a file.

pytest tests/corpora/test_canonical_idioms.py
"""

import pytest

from src import corpora
from src.core.user_errors import UserError
from src.corpora import canonical_idioms, corpus_file
from tests.corpora.conftest import IDIOMS, SmallCorpus


def idioms(corpus: SmallCorpus, source: str | None) -> list[str]:
    if source is not None:
        corpus.meta["canonical_idioms"] = source
    folder = corpus.write()
    read = corpus_file.load(folder)
    return canonical_idioms.idioms(folder, read, list(corpora.read(folder, read)))


def test_a_corpus_that_names_none_has_none(corpus: SmallCorpus) -> None:
    assert idioms(corpus, None) == []


def test_groups_are_idioms_and_those_that_are_held_out_too(corpus: SmallCorpus) -> None:
    assert idioms(corpus, "group") == sorted(IDIOMS)


def test_a_file_has_one_idiom_a_line(corpus: SmallCorpus) -> None:
    corpus.write()
    (corpus.folder / "idioms.txt").write_text("\ufeffשבר  שתיקה \n\nלב זהב\nלב זהב\n", encoding="utf-8")
    assert idioms(corpus, "idioms.txt") == ["לב זהב", "שבר שתיקה"]


def test_a_file_that_is_not_there_or_empty_is_named(corpus: SmallCorpus) -> None:
    with pytest.raises(UserError, match=r"idioms\.txt.*canonical_idioms.*dvc import somewhere"):
        idioms(corpus, "idioms.txt")
    (corpus.folder / "idioms.txt").write_text("\n")
    with pytest.raises(UserError, match=r"idioms\.txt is empty"):
        idioms(corpus, "idioms.txt")


def test_a_file_that_is_not_utf8_is_refused_with_its_line(corpus: SmallCorpus) -> None:
    corpus.write()
    (corpus.folder / "idioms.txt").write_bytes("לב זהב\n".encode() + "לב זהב\n".encode("cp1255"))
    with pytest.raises(UserError, match=r"idioms\.txt, line 2 is not UTF-8: byte 0xec"):
        idioms(corpus, "idioms.txt")


def test_groups_that_are_not_there_are_an_error(corpus: SmallCorpus) -> None:
    for row in corpus.rows:
        row["base_pie"] = ""
    with pytest.raises(UserError, match="no row has a group"):
        idioms(corpus, "group")


def test_a_file_outside_of_the_corpus_is_refused(corpus: SmallCorpus) -> None:
    with pytest.raises(UserError, match="canonical_idioms"):
        idioms(corpus, "../idioms.txt")
