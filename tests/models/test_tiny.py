"""The encoder tiny: a small BERT, and a tokenizer that depends on its texts alone.

pytest tests/models/test_tiny.py
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import torch
from transformers import BertForSequenceClassification

from src.core.records import Example
from src.models import tiny
from tests.conftest import ROOT
from tests.models.conftest import Make

HASHED = """
import hashlib, sys
from pathlib import Path
from src.models import tiny
from src.core.records import read_examples
text = tiny.tokenizer(read_examples(Path(sys.argv[1]))).backend_tokenizer.to_str()
print(hashlib.sha256(text.encode()).hexdigest())
"""


def state(examples: list[Example]) -> str:
    return tiny.tokenizer(examples).backend_tokenizer.to_str()


def test_the_same_texts_give_the_same_tokenizer(splits: dict[str, list[Example]]) -> None:
    first = state(splits["train"])
    for _ in range(5):
        assert state(splits["train"]) == first


def test_another_process_makes_the_same_tokenizer(prepared: Path, splits: dict[str, list[Example]]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HASHED, prepared / "train.jsonl"],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == hashlib.sha256(state(splits["train"]).encode()).hexdigest()


def test_other_texts_give_another_tokenizer(splits: dict[str, list[Example]]) -> None:
    assert state(splits["train"][:20]) != state(splits["train"][20:40])


def test_the_special_tokens_are_the_first_and_no_other_token_is_one(splits: dict[str, list[Example]]) -> None:
    tokenizer = tiny.tokenizer(splits["train"])
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert tokenizer.convert_ids_to_tokens(range(5)) == special
    assert sorted(tokenizer.all_special_tokens) == sorted(special)
    assert set(tokenizer.added_tokens_decoder) == set(range(5))
    assert tokenizer.is_fast


def test_texts_and_pairs_are_framed_as_bert_frames_them(splits: dict[str, list[Example]]) -> None:
    tokenizer = tiny.tokenizer(splits["train"])
    single = tokenizer.convert_ids_to_tokens(tokenizer("על הגדר")["input_ids"])
    pair = tokenizer.convert_ids_to_tokens(tokenizer("על", text_pair="הגדר")["input_ids"])
    assert (single[0], single[-1], single.count("[SEP]")) == ("[CLS]", "[SEP]", 1)
    assert (pair[0], pair[-1], pair.count("[SEP]")) == ("[CLS]", "[SEP]", 2)


def test_the_second_text_of_a_pair_is_told_from_the_first_as_bert_tells_it(splits: dict[str, list[Example]]) -> None:
    encoded = tiny.tokenizer(splits["train"])("על", text_pair="הגדר")
    assert set(encoded.get("token_type_ids", [])) == {0, 1}


def test_the_texts_it_was_trained_on_hold_nothing_unknown_and_words_it_knows_stay_whole(
    splits: dict[str, list[Example]],
) -> None:
    tokenizer = tiny.tokenizer(splits["train"])
    for example in splits["train"]:
        assert tokenizer.unk_token_id not in tokenizer(example.text)["input_ids"]
    assert tokenizer.tokenize("על") == ["על"]
    assert tokenizer.tokenize("😀") == ["[UNK]"]


def test_the_vocabulary_has_at_most_four_thousand_entries_without_gaps(splits: dict[str, list[Example]]) -> None:
    vocabulary = tiny.tokenizer([example for rows in splits.values() for example in rows]).get_vocab()
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert 1000 < len(vocabulary) <= 4000


def test_second_texts_are_learnt_as_well() -> None:
    examples = [Example(id="1", text="אבג", text_pair="דהו", split="train")]
    assert tiny.tokenizer(examples).tokenize("דהו") != ["[UNK]"]


def test_composed_and_decomposed_letters_are_the_same(splits: dict[str, list[Example]]) -> None:
    tokenizer = tiny.tokenizer([Example(id="1", text="caf\u00e9", split="train")])
    assert tokenizer("cafe\u0301")["input_ids"] == tokenizer("caf\u00e9")["input_ids"]


def test_it_is_a_bert_of_two_layers_of_width_256(make: Make) -> None:
    model = make("cls", None).model
    assert type(model) is BertForSequenceClassification
    assert (model.config.num_hidden_layers, model.config.hidden_size) == (2, 256)
    assert model.config.vocab_size == model.get_input_embeddings().num_embeddings


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(make: Make) -> None:
    first, second, other = (make("cls+span", None, seed=seed).model.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(
        first["encoder.encoder.layer.0.output.dense.weight"], other["encoder.encoder.layer.0.output.dense.weight"]
    )
