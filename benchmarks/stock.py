"""The stock way, as transformers' example script run_glue.py sets it up: inputs padded to 128, Trainer, fp32."""

import tempfile
from collections.abc import Sequence
from typing import Any

import datasets
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainingArguments, default_data_collator


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
