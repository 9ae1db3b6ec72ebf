"""The stock way, as transformers' example script run_glue.py sets it up: inputs padded to 128, Trainer, fp32.

Imports nothing of the project, whose setting of waiting threads would help it too. As a command it
reads one JSON object from standard input, and writes seconds and seconds of one core per sentence:

    {"texts": [...], "labels": [...], "tokenizer": folder, "batch_size": 16, "frozen": false}
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import datasets
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    default_data_collator,
    set_seed,
)

Cost = tuple[float, float]  # seconds, and seconds of one core, per sentence


def base_sized(labels: Sequence[str]) -> PreTrainedModel:
    """BERT-base's size with random weights: 12 layers of width 768, 52,000 embeddings."""
    set_seed(0)
    return AutoModelForSequenceClassification.from_config(
        BertConfig(
            vocab_size=52_000, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)}
        )
    )


def table(texts: Sequence[str], labels: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> datasets.Dataset:
    """Tokenises texts, each padded to 128 sub-words."""
    encoded = tokenizer(list(texts), padding="max_length", max_length=128, truncation=True)
    return datasets.Dataset.from_dict({**encoded, "label": list(labels)})


def trainer(model: PreTrainedModel, rows: datasets.Dataset, batch_size: int, **options: Any) -> Trainer:
    """Returns a Trainer with the defaults of the script, but one epoch, and nothing written."""
    arguments = TrainingArguments(
        output_dir=tempfile.gettempdir(),
        per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=batch_size,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
        **{"num_train_epochs": 1, **options},
    )
    return Trainer(model=model, args=arguments, train_dataset=rows, data_collator=default_data_collator)


def cost(work: Callable[[], object], rows: int) -> Cost:
    """Does some work on so many rows."""
    started, busy = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - started) / rows, (time.process_time() - busy) / rows


def costs(
    texts: Sequence[str], labels: Sequence[int], tokenizer: PreTrainedTokenizerBase, batch_size: int, frozen: bool
) -> dict[str, Cost]:
    """What training and prediction cost per sentence, after a step of each."""
    model = base_sized(["Literal", "Figurative"])
    model.base_model.requires_grad_(not frozen)
    rows = table(texts, labels, tokenizer)
    found = {}
    for measured in (rows.select(range(batch_size)), rows):
        made = trainer(model, measured, batch_size)
        found["train"] = cost(made.train, len(measured))
        found["predict"] = cost(lambda made=made, measured=measured: made.predict(measured), len(measured))
    return found


def main() -> None:
    given = json.load(sys.stdin)
    given["tokenizer"] = AutoTokenizer.from_pretrained(given["tokenizer"])
    printed = sys.stdout
    sys.stdout = sys.stderr  # Trainer prints a line per step
    found = costs(**given)
    json.dump(found, printed)


if __name__ == "__main__":
    main()
