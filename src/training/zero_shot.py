"""Mode `zero_shot`: prediction without training, from the corpus's canonical idioms or descriptions of labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PreTrainedTokenizerBase,
)

from src.core.config import TrainParams
from src.core.records import Example
from src.core.user_errors import UserError
from src.models import checkpoint, hardware
from src.models.checkpoint import Checkpoint
from src.models.encoders import Encoder
from src.models.interface import Model
from src.models.loading import check_vocabulary, origin_of, pretrained
from src.models.matcher import Matcher
from src.models.verbalizer import Verbalizer, VerbalizerConfig
from src.tasks import TASKS
from src.tasks.lexicon_use import LexiconUse


def create(
    encoder: Encoder,
    labels: Mapping[str, Sequence[str]],
    train: Sequence[Example],
    params: TrainParams,
    *,
    idioms: Sequence[str],
    label_words: Mapping[str, Any] | None,
) -> Model:
    """Creates the zero-shot model of a task.

    Args:
        train: training rows; they define the kinds of spans and the most frequent kind.
        idioms: the canonical idioms of the corpus, for span.
        label_words: words for the labels, for cls, see LabelWords in src/corpora/corpus_file.py.

    Raises:
        UserError: the mode does not support the task or several tasks; the corpus lacks data for the task; the encoder
            has no pretrained weights, or its vocabulary lacks a label's words.
    """
    task = TASKS[next(iter(labels))]
    if len(labels) == 1 and task.lexicon is not None:
        return _matcher(labels, task.lexicon, train, idioms)
    if len(labels) == 1 and task.exclusive_labels:
        verbalizer = _verbalizer(encoder, task.name, labels[task.name], params, label_words)
        verbalizer.model.to(hardware.device(params.device))  # in fp32, like the saved model
        return verbalizer
    supported = [name for name, other in TASKS.items() if other.lexicon is not None or other.exclusive_labels]
    raise UserError(
        f"train.mode: zero_shot does not support task: {'+'.join(labels)}; set a single supported task, "
        f"task: {' or task: '.join(supported)}, or set another mode"
    )


def _matcher(
    labels: Mapping[str, Sequence[str]], lexicon: LexiconUse, train: Sequence[Example], idioms: Sequence[str]
) -> Matcher:
    if not idioms:
        raise UserError(
            "train.mode: zero_shot matches canonical idioms, but the corpus has no canonical idioms; add "
            "canonical_idioms to its corpus.yaml, or set another mode"
        )
    return Matcher(labels, lexicon.kind(train), idioms)


def _verbalizer(
    encoder: Encoder, task: str, labels: Sequence[str], params: TrainParams, label_words: Mapping[str, Any] | None
) -> Checkpoint:
    if encoder.source is None:
        raise UserError(
            "train.mode: zero_shot needs a pretrained encoder, but the weights of model: tiny are random; set "
            "another model, or another mode"
        )
    if label_words is None:
        raise UserError(
            "train.mode: zero_shot needs words for the labels, but the corpus has no such words; add zero_shot to its "
            "corpus.yaml, or set another mode"
        )
    origin = origin_of(params.trust_remote_code, params.revision)
    config = pretrained(AutoConfig, encoder.source, origin)
    tokenizer = pretrained(AutoTokenizer, encoder.source, origin)
    check_vocabulary(encoder.source, tokenizer, config)
    tokenizer.padding_side = "right"
    if tokenizer.mask_token_id is not None and type(config) in MODEL_FOR_MASKED_LM_MAPPING:
        masked_lm, missing = _with_missing_weights(AutoModelForMaskedLM, encoder.source, origin)
        if not missing:
            prompt = _tokenize_prompt(tokenizer, labels, label_words)
            return _checkpoint(VerbalizerConfig(config.to_dict(), task, labels, **prompt), masked_lm, tokenizer, params)
    base, missing = _with_missing_weights(AutoModel, encoder.source, origin)
    if missing:
        raise UserError(
            f"the model '{encoder.source}' lacks pretrained weights, such as {min(missing)}; set another model"
        )
    verbalizer = _checkpoint(VerbalizerConfig(config.to_dict(), task, labels), base, tokenizer, params)
    texts = [label_words["descriptions"][label] for label in labels]
    inputs = tokenizer(texts, padding=True, truncation=True, max_length=verbalizer.max_length, return_tensors="pt")
    with torch.no_grad():
        verbalizer.model.eval().descriptions.copy_(verbalizer.model.mean_states(inputs))
    return verbalizer


def _with_missing_weights(auto_class: Any, source: str, origin: Mapping[str, Any]) -> tuple[Any, set[str]]:
    """Loads a model; returns it and the names of missing weights. A missing pooler is ignored: it is not used."""
    model, info = pretrained(auto_class, source, origin, dtype=torch.float32, output_loading_info=True)
    return model, {name for name in info["missing_keys"] if "pooler." not in name}


def _checkpoint(
    config: VerbalizerConfig, encoder: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, params: TrainParams
) -> Checkpoint:
    try:
        model = Verbalizer(config)
    except ValueError as error:
        raise UserError(
            f"train.mode: zero_shot needs an encoder whose class is part of transformers; set another model: {error}"
        ) from error
    model.encoder = encoder
    max_length = min(params.max_length, checkpoint.positions(model)) - config.room
    if max_length < 8:
        raise UserError(
            f"train.max_length: {params.max_length} is too small for a text and the {config.room} sub-words of the "
            "prompt; raise it, or shorten zero_shot.prompt in corpus.yaml"
        )
    tokenizer.model_max_length = max_length
    precision = hardware.precision(params, model)
    return Checkpoint(model, tokenizer, dict(config.task_labels), max_length, precision=precision)


def _tokenize_prompt(
    tokenizer: PreTrainedTokenizerBase, labels: Sequence[str], label_words: Mapping[str, Any]
) -> dict[str, Any]:
    """The prompt and the words of the labels as sub-words."""
    before, _, after = (part.strip() for part in label_words["prompt"].partition("{mask}"))
    words = [[_tokenize_after(tokenizer, before, word) for word in label_words["words"][label]] for label in labels]
    for label, tokenized in zip(labels, words, strict=True):
        for word, subwords in zip(label_words["words"][label], tokenized, strict=True):
            if not subwords or tokenizer.unk_token_id in subwords:
                raise UserError(
                    f"zero_shot.words of label '{label}': the encoder's vocabulary lacks '{word}'; choose another word "
                    "in corpus.yaml, or set another model"
                )
    prompt = _tokenize_after(tokenizer, before, before), tokenizer(after, add_special_tokens=False)["input_ids"]
    return {"prompt": prompt, "mask": tokenizer.mask_token_id, "words": words}


def _tokenize_after(tokenizer: PreTrainedTokenizerBase, before: str, text: str) -> list[int]:
    """The sub-words of a text after another text; some tokenizers split a text at the start differently."""
    alone, both = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in (before, f"{before} {text}"))
    return list(both[len(alone) :])
