"""The zero-shot model of a task with exclusive labels: a pretrained encoder and words for the labels.

It has no head with random weights. The logits depend only on the pretrained weights.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, PretrainedConfig, PreTrainedModel

from src.models import backbone
from src.models.pooling import Pooling


class VerbalizerConfig(PretrainedConfig):
    """The configuration of the encoder, the labels, and the label words as sub-words.

    Args:
        prompt: the sub-words before the masks (after the text) and after the masks.
        mask: the sub-word of the mask token.
        words: the words of each label, in the order of `labels`, each with one or more sub-words. Empty for an encoder
            without a masked language model: texts are compared with descriptions of the labels.
    """

    model_type = "verbalizer"

    def __init__(
        self,
        encoder: dict[str, Any] | None = None,
        task: str = "",
        labels: Sequence[str] = (),
        prompt: tuple[Sequence[int], Sequence[int]] = ((), ()),
        mask: int | None = None,
        words: Sequence[Sequence[Sequence[int]]] = (),
        **kwargs: Any,
    ) -> None:
        self.encoder = encoder or {}
        self.task = task
        self.labels = list(labels)
        self.prompt = prompt
        self.mask = mask
        self.words = words
        super().__init__(**kwargs)

    @property
    def encoder_config(self) -> PretrainedConfig:
        return AutoConfig.for_model(**self.encoder)

    @property
    def task_labels(self) -> list[tuple[str, list[str]]]:
        return [(self.task, self.labels)]

    @property
    def room(self) -> int:
        """The number of sub-words that an input must leave for the prompt."""
        longest = max((len(word) for words in self.words for word in words), default=0)
        return len(self.prompt[0]) + longest + len(self.prompt[1])


AutoConfig.register(VerbalizerConfig.model_type, VerbalizerConfig)  # as JointConfig


class Verbalizer(PreTrainedModel):
    """Maps model inputs, padded on the right, to the logits of the task.

    With words: the prompt follows the text, before the last special sub-word. The logit of a label is the log of the
    mean probability of its words. The probability of a word is the geometric mean over its sub-words, each at its own
    mask. Without words: the cosine of the mean states of text and description.

    Shape: inputs (B, T) to (B, L).
    Source: Schick and Schütze 2021, Exploiting Cloze Questions for Few Shot Text Classification, sections 3.1 and 3.3.
    """

    config_class = VerbalizerConfig
    base_model_prefix = "encoder"

    def __init__(self, config: VerbalizerConfig) -> None:
        super().__init__(config)
        auto_class = AutoModelForMaskedLM if config.words else AutoModel
        self.encoder = auto_class.from_config(config.encoder_config)
        if not config.words:
            self.register_buffer("descriptions", torch.zeros(len(config.labels), self.encoder.config.hidden_size))
        self.post_init()

    def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        return {self.config.task: self._of_words(inputs) if self.config.words else self._of_descriptions(inputs)}

    def _of_words(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        sizes = {len(word) for words in self.config.words for word in words}
        log_p = {size: self._at_masks(inputs, size) for size in sorted(sizes)}
        logits = []
        for words in self.config.words:
            of_words = [log_p[len(word)][:, range(len(word)), word].mean(dim=1) for word in words]
            logits.append(torch.stack(of_words).logsumexp(dim=0) - math.log(len(words)))
        return torch.stack(logits, dim=1)

    def _at_masks(self, inputs: Mapping[str, torch.Tensor], count: int) -> torch.Tensor:
        """Returns the log-probabilities at `count` masks: (B, count, vocabulary)."""
        before, after = self.config.prompt
        prompt = torch.tensor([*before, *[self.config.mask] * count, *after], device=inputs["input_ids"].device)
        ends = inputs["attention_mask"].sum(dim=1) - 1
        extended = {name: _inserted(rows, ends, prompt, name) for name, rows in inputs.items()}
        places = ends[:, None] + len(before) + torch.arange(count, device=ends.device)
        encoder = self.encoder.base_model
        states = encoder(**extended).last_hidden_state
        masked = states.gather(1, places[:, :, None].expand(-1, -1, states.shape[-1]))
        with backbone.replaced(
            encoder, lambda *_, **__: backbone.output(encoder, masked)
        ):  # the head runs only on the masks
            return self.encoder(**extended).logits.float().log_softmax(dim=-1)

    def _of_descriptions(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        descriptions = self.descriptions.float()[None]
        return functional.cosine_similarity(self.mean_states(inputs)[:, None], descriptions, dim=-1)

    def mean_states(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Returns mean states in fp32, because the cosines are similar. Shape: inputs (B, T) to (B, H)."""
        states = self.encoder(**inputs).last_hidden_state.float()
        return Pooling("mean", states.shape[-1])(states, inputs["attention_mask"])


def _inserted(rows: torch.Tensor, ends: torch.Tensor, prompt: torch.Tensor, name: str) -> torch.Tensor:
    """Inserts the prompt before the last sub-word of each row. Its attention mask and segment are repeated."""
    extended = []
    for row, end in zip(rows, ends.tolist(), strict=True):
        middle = prompt if name == "input_ids" else row[end].expand(len(prompt))
        extended.append(torch.cat([row[:end], middle, row[end:]]))
    return torch.stack(extended)
