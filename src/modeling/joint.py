"""The one model class of ours: several heads over a shared encoder. A single task needs none of it."""

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel

from src.tasks import TASKS


class JointConfig(PretrainedConfig):
    """The encoder's own configuration, and the label set of each task."""

    model_type = "joint"

    def __init__(
        self, encoder: dict[str, Any] | None = None, task_labels: dict[str, list[str]] | None = None, **kwargs: Any
    ) -> None:
        self.encoder = encoder or {}
        self.task_labels = task_labels or {}
        super().__init__(**kwargs)

    @property
    def encoder_config(self) -> PretrainedConfig:
        return AutoConfig.for_model(**self.encoder)


AutoConfig.register(JointConfig.model_type, JointConfig)  # else loading its tokenizer warns of an unknown type


class JointModel(PreTrainedModel):
    """Maps model inputs to the logits of every task.

    Shape: inputs (B, T); each value like the logits of its task's head.
    """

    config_class = JointConfig
    base_model_prefix = "encoder"

    def __init__(self, config: JointConfig) -> None:
        super().__init__(config)
        encoder_config = config.encoder_config
        self.encoder = AutoModel.from_config(encoder_config)
        self.heads = nn.ModuleDict(
            {name: TASKS[name].head(encoder_config, labels) for name, labels in config.task_labels.items()}
        )
        self.post_init()

    def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        states = self.encoder(**inputs).last_hidden_state
        return {name: head(states) for name, head in self.heads.items()}
