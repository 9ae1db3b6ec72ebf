"""corpus.yaml: what is legal in it.

pytest tests/corpora/test_corpus_file.py
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from src import corpora
from src.core.user_errors import UserError
from src.corpora import corpus_file
from src.corpora.corpus_file import READS, Corpus
from tests.corpora.conftest import SmallCorpus

ROOT = Path(__file__).parents[2]


def refusal(folder: Path) -> str:
    """The message with which the corpus of a folder is refused."""
    with pytest.raises(UserError) as error:
        list(corpora.read(folder, corpus_file.load(folder)))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in ROOT.glob("data/raw/*/corpus.yaml")))
def test_every_shipped_corpus_yaml_loads_and_names_a_reader_that_exists(name: str) -> None:
    corpus = corpus_file.load(ROOT / "data" / "raw" / name)
    assert corpus.reader in corpora.READERS
    assert corpus.fetch


def test_the_hebrew_idioms_hold_out_the_six_idioms_of_the_source() -> None:
    corpus = corpus_file.load(ROOT / "data" / "raw" / "hebrew_idioms")
    assert len(corpus.files) == 4
    assert len(set(corpus.unseen_groups)) == 6
    assert corpus.labels == ["Literal", "Figurative"]
    assert corpus.splits == {"unseen_idiom_test": "unseen"}


def test_splits_and_held_out_groups_may_be_left_out(corpus: SmallCorpus) -> None:
    del corpus.meta["unseen_groups"]
    loaded = corpus_file.load(corpus.write())
    assert loaded.splits == {}
    assert loaded.unseen_groups == []


def test_a_corpus_that_does_not_exist_is_met_with_those_that_do(corpus: SmallCorpus) -> None:
    folder = corpus.write()
    shutil.copytree(folder, folder.with_name("large"))
    (folder.parent / "no_corpus").mkdir()
    message = refusal(folder.with_name("smal"))
    assert message == "unknown corpus 'smal', did you mean 'small'? Legal: large, small"


def test_a_corpus_beside_which_there_is_no_other_names_the_folder(tmp_path: Path) -> None:
    message = refusal(tmp_path / "raw" / "small")
    assert "'small'" in message
    assert str(tmp_path / "raw") in message
    assert not message.rstrip().endswith("Legal:")


WORDS = {
    "prompt": "It was {mask}.",
    "words": {"Literal": ["x"], "Figurative": ["y"]},
    "descriptions": {"Literal": "x", "Figurative": "y"},
}


@pytest.mark.parametrize(
    ("key", "value", "fragments"),
    [
        ("licence", ..., ["'licence'", "missing"]),
        ("fetch", ..., ["'fetch'", "missing"]),
        ("labels", ..., ["'labels'", "missing"]),
        ("lables", ["x", "y"], ["'lables'", "did you mean 'labels'?"]),
        ("split", {"dev": "validation"}, ["'split'", "did you mean 'splits'?"]),
        ("files", [], ["files", "at least 1"]),
        ("files", "a.csv", ["files", "list", "'a.csv'"]),
        ("files", ["/etc/passwd"], ["files.0", "'/etc/passwd'"]),
        ("files", ["../a.csv"], ["files.0", "'../a.csv'"]),
        ("files", ["http://x/a.csv"], ["files.0", "'http://x/a.csv'"]),
        ("labels", ["Literal"], ["labels", "at least 2"]),
        ("labels", [0, 1], ["labels.0", "0"]),
        (
            "splits",
            {"dev": "validate"},
            ["'validate'", "did you mean 'validation'?", "train, validation, test, unseen"],
        ),
        ("zero_shot", {"prompt": "It was {mask}", "words": {}}, ["'zero_shot.descriptions'", "missing"]),
        ("zero_shot", WORDS | {"prompt": "It was"}, ["zero_shot.prompt", "{mask}", "'It was'"]),
        ("zero_shot", WORDS | {"prompt": "{mask}"}, ["zero_shot.prompt", "'{mask}'"]),
        ("zero_shot", WORDS | {"words": {"Literal": ["x"]}}, ["zero_shot.words", "Figurative", "Literal"]),
        ("zero_shot", WORDS | {"words": {"Literal": [], "Figurative": ["y"]}}, ["zero_shot.words.Literal"]),
        ("zero_shot", WORDS | {"descriptions": {}}, ["zero_shot.descriptions", "Figurative"]),
        ("zero_shot", WORDS | {"promt": "{mask}"}, ["'zero_shot.promt'", "did you mean 'zero_shot.prompt'?"]),
        ("reader", "idiom", ["reader 'idiom'", "did you mean 'idioms'?"]),
    ],
    ids=lambda value: "dropped" if value is ... else None,
)
def test_a_corpus_yaml_that_is_not_legal_is_refused_with_its_key(
    corpus: SmallCorpus, key: str, value: Any, fragments: list[str]
) -> None:
    if value is ...:
        del corpus.meta[key]
    else:
        corpus.meta[key] = value
    message = refusal(corpus.write())
    for fragment in fragments:
        assert fragment in message
    assert "corpus.yaml" in message or key == "reader"


FORMAT_KEYS = {
    "columns": {"text": "sentence"}, "delimiter": ";", "quoting": True, "encoding": "utf-8", "hub": "owner/name",
    "config": "default", "revision": "1a2b3c",
}  # fmt: skip


def test_every_reader_declares_the_keys_that_it_reads() -> None:
    assert READS.keys() == corpora.READERS.keys()
    assert {key for keys in READS.values() for key in keys} == FORMAT_KEYS.keys()
    assert FORMAT_KEYS.keys() <= Corpus.model_fields.keys()


@pytest.mark.parametrize("reader", corpora.READERS)
@pytest.mark.parametrize("key", FORMAT_KEYS)
def test_a_key_that_the_reader_does_not_read_is_refused(corpus: SmallCorpus, reader: str, key: str) -> None:
    corpus.meta |= {"reader": reader, "inseparable": "text_pair"}
    corpus.meta |= {name: FORMAT_KEYS[name] for name in READS[reader]}
    loaded = corpus_file.load(corpus.write())
    assert loaded.encoding == "utf-8"  # a default that nobody wrote is no error
    corpus.meta[key] = FORMAT_KEYS[key]
    if key in READS[reader]:
        assert corpus_file.load(corpus.write()) == loaded
        return
    message = refusal(corpus.write())
    assert f"corpus.yaml: {key}: reader {reader} does not read this key" in message
    assert message.endswith(f"and {', '.join(READS[reader]) or 'no other key'}")


def test_a_data_file_that_is_not_there_quotes_the_command_that_fetches_it(corpus: SmallCorpus) -> None:
    corpus.write()
    corpus.file.unlink()
    message = refusal(corpus.folder)
    assert message == f"corpus 'small' has no file {corpus.file}; to fetch it: dvc import somewhere a.csv"


def test_files_are_read_in_the_order_in_which_they_are_named(corpus: SmallCorpus) -> None:
    rows, corpus.rows = corpus.rows, corpus.rows[:1]
    corpus.meta["files"] = ["sub/b.csv", "a.csv"]
    corpus.write()
    corpus.rows = rows[1:3]
    (corpus.folder / "sub").mkdir()
    (corpus.folder / "sub" / "b.csv").write_text(corpus.csv(), encoding="utf-8")
    found = list(corpora.read(corpus.folder, corpus_file.load(corpus.folder)))
    assert [(row.file.name, row.number, row.example.id) for row in found] == [
        ("b.csv", 2, "r01"), ("b.csv", 3, "r02"), ("a.csv", 2, "r00"),
    ]  # fmt: skip
