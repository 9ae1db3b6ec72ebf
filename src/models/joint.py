"""The model class for several tasks: several heads over one encoder, or one encoder per task."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel

from src.models.pooling import Pooling
from src.tasks import TASKS


class JointConfig(PretrainedConfig):
    """The configuration of the encoder, the label set of each task, pooling, and the number of encoders."""

    model_type = "joint"

    def __init__(
        self,
        encoder: dict[str, Any] | None = None,
        task_labels: Sequence[tuple[str, Sequence[str]]] = (),
        pooling: str = "first",
        separate_encoders: bool = False,
        **kwargs: Any,
    ) -> None:
        self.encoder = encoder or {}
        self.task_labels = [(name, list(labels)) for name, labels in task_labels]  # not a mapping: JSON would sort it
        self.pooling = pooling
        self.separate_encoders = separate_encoders
        super().__init__(**kwargs)

    @property
    def encoder_config(self) -> PretrainedConfig:
        return AutoConfig.for_model(**self.encoder)


AutoConfig.register(JointConfig.model_type, JointConfig)  # otherwise loading its tokenizer warns about an unknown type


class JointModel(PreTrainedModel):
    """Maps model inputs to the logits of every task.

    With separate encoders, `encoder` belongs to the pooled task. Every other task has its own encoder, and the pooled
    state is added to each of its states.

    Shape: inputs (B, T); each value as the logits of the task's head.
    """

    config_class = JointConfig
    base_model_prefix = "encoder"

    def __init__(self, config: JointConfig) -> None:
        super().__init__(config)
        encoder_config = config.encoder_config
        self.encoder = AutoModel.from_config(encoder_config)
        others = [name for name, _ in config.task_labels if config.separate_encoders and not TASKS[name].pooled]
        self.encoders = nn.ModuleDict({name: AutoModel.from_config(encoder_config) for name in others})
        self.pooling = Pooling(config.pooling, encoder_config.hidden_size)
        self.heads = nn.ModuleDict(
            {name: TASKS[name].head(encoder_config, labels) for name, labels in config.task_labels}
        )
        self.post_init()

    def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        states = self.encoder(**inputs).last_hidden_state
        pooled = self.pooling(states, inputs["attention_mask"])
        return {name: head(self._input(name, inputs, states, pooled)) for name, head in self.heads.items()}

    def _input(
        self, name: str, inputs: dict[str, torch.Tensor], states: torch.Tensor, pooled: torch.Tensor
    ) -> torch.Tensor:
        if TASKS[name].pooled:
            return pooled
        if name in self.encoders:
            return self.encoders[name](**inputs).last_hidden_state + pooled[:, None]
        return states
