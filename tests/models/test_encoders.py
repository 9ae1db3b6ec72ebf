"""Which encoder a `model` parameter stands for, and what is said of one that stands for none.

pytest tests/models/test_encoders.py
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from src.core.user_errors import UserError
from src.models.encoders import ENCODERS, find, start
from tests.conftest import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SPECIFICATION = {
    "tiny": None,
    "alephbert": "onlplab/alephbert-base",
    "alephbertgimmel": "dicta-il/alephbertgimmel-base",
    "dictabert": "dicta-il/dictabert",
    "neodictabert": "dicta-il/neodictabert",
    "mbert": "bert-base-multilingual-cased",
    "xlm-roberta": "xlm-roberta-base",
    "bert": "bert-base-uncased",
    "distilbert": "distilbert-base-uncased",
    "roberta": "roberta-base",
    "electra": "google/electra-base-discriminator",
}


@pytest.mark.parametrize(("name", "source"), SPECIFICATION.items())
def test_a_name_of_the_specification_stands_for_its_hub_id(name: str, source: str | None) -> None:
    assert find(name, True, COMMIT).source == source


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_of_the_table_is_found_and_has_a_sane_learning_rate(name: str) -> None:
    encoder = find(name, True, COMMIT)
    assert encoder is ENCODERS[name]
    assert 1e-6 < encoder.learning_rate < 1e-3


def test_what_is_trained_from_scratch_learns_faster_than_what_is_pretrained() -> None:
    assert find("tiny", False, None).learning_rate > find("dictabert", False, None).learning_rate == 2e-5


@pytest.mark.parametrize("name", ["owner/name", "dicta-il/dictabert-large"])
def test_a_hub_id_is_taken_as_it_stands(name: str) -> None:
    assert find(name, False, None).source == name


@pytest.mark.parametrize("relative", [True, False])
def test_a_local_folder_is_taken_as_it_stands(relative: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    name = "./model" if relative else str(tmp_path / "model")
    assert find(name, False, None).source == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("alephbret", ["'alephbret'", "did you mean 'alephbert'"]),
        ("dictbert", ["'dictbert'", "did you mean 'dictabert'"]),
        ("Tiny", ["'Tiny'", "did you mean 'tiny'"]),
        ("xlm_roberta", ["'xlm_roberta'", "did you mean 'xlm-roberta'"]),
        ("gpt", ["unknown model 'gpt'", *ENCODERS, "hub", "folder"]),
        ("a/b/c", ["unknown model 'a/b/c'", "owner/name on the hub"]),
        ("./nowhere", ["no folder ./nowhere"]),
        ("/nowhere/at/all", ["no folder /nowhere/at/all"]),
        ("../no/where", ["no folder ../no/where"]),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused_with_the_nearest_and_what_is_legal(
    name: str, words: list[str]
) -> None:
    with pytest.raises(UserError) as error:
        find(name, False, None)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_an_empty_folder_is_refused_with_what_it_must_hold(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.json") as error:
        find(str(tmp_path), False, None)
    assert str(tmp_path) in str(error.value)


def test_a_name_of_the_table_wins_over_a_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find("tiny", False, None).source is None


def test_remote_code_is_refused_without_the_flag_which_the_error_names() -> None:
    with pytest.raises(UserError, match=r"neodictabert.*train\.trust_remote_code"):
        find("neodictabert", False, None)
    assert find("neodictabert", True, COMMIT).remote_code


def test_looking_up_an_encoder_imports_neither_torch_nor_transformers() -> None:
    code = "import sys; from src.models import encoders; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("revision", [None, "main", "v1.0", COMMIT[:7], COMMIT.upper(), f"{COMMIT}\n"])
def test_remote_code_needs_the_commit_that_was_read(revision: str | None) -> None:
    for name, source in (("neodictabert", "dicta-il/neodictabert"), ("owner/name", "owner/name")):
        with pytest.raises(UserError, match=rf"train\.revision, the commit of {source}"):
            find(name, True, revision)
        assert find(name, True, COMMIT).source == source


def test_what_is_not_on_the_hub_needs_no_commit(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert find(str(tmp_path), True, None).source == str(tmp_path)
    assert find("tiny", True, None).source is None


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        (("tiny", "cls", 1, None), ("tiny", "cls", 1, None), True),
        (("tiny", "cls", 1, None), ("tiny", "cls", 2, None), False),
        (("tiny", "cls", 1, None), ("tiny", "span", 1, None), False),
        (("dictabert", "cls", 1, None), ("dictabert", "span", 2, None), True),
        (("dictabert", "cls", 1, None), ("dicta-il/dictabert", "cls", 1, None), True),
        (("dictabert", "cls", 1, None), ("./copies/dictabert/", "cls", 1, None), True),
        (("dictabert", "cls", 1, None), ("alephbert", "cls", 1, None), False),
        (("dictabert", "cls", 1, "a"), ("dictabert", "cls", 1, "b"), False),
    ],
)
def test_a_start_is_equal_where_its_weights_are(first: Any, second: Any, equal: bool) -> None:
    assert (start(*first) == start(*second)) is equal
