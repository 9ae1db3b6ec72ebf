"""The encoders, the heads and the layers of a model.

The encoder maps sub-words to their last hidden states. A pooler, which some base models of transformers contain (BERT),
comes after these states and belongs to the head. In many checkpoints it is not pretrained.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from src.core.user_errors import UserError
from src.models.joint import JointModel


def encoders(model: PreTrainedModel) -> dict[str, PreTrainedModel]:
    """Returns {module name: encoder}. A joint model may have several encoders.

    Raises:
        UserError: the model does not consist of an encoder and a head.
    """
    if model.base_model is model:
        raise UserError(
            f"a {type(model).__name__} does not consist of an encoder and a head; set train.mode: full and "
            "train.freeze_layers: 0"
        )
    modules = {model.base_model_prefix: model.base_model}
    if isinstance(model, JointModel):
        modules |= {f"encoders.{name}": encoder for name, encoder in model.encoders.items()}
    return modules


def heads(model: PreTrainedModel) -> dict[str, nn.Module]:
    """Returns {module name: module} for all modules after the encoders that have weights."""
    modules = {
        name: module
        for name, module in model.named_children()
        if name not in (*encoders(model), "encoders") and any(True for _ in module.parameters())
    }
    if isinstance(model, JointModel):  # it has no pooler; peft needs each head by itself
        return {name: module for name, module in modules.items() if name != "heads"} | {
            f"heads.{name}": head for name, head in model.heads.items()
        }
    pooler = getattr(model.base_model, "pooler", None)
    return modules | ({f"{model.base_model_prefix}.pooler": pooler} if pooler is not None else {})


def freeze_encoders(model: PreTrainedModel) -> None:
    """Makes only the heads trainable."""
    model.requires_grad_(False)
    for head in heads(model).values():
        head.requires_grad_(True)


def freeze_layers(encoder: PreTrainedModel, count: int) -> None:
    """Freezes the first `count` layers and everything before them (the embeddings).

    Raises:
        UserError: the encoder has fewer layers, or its layers cannot be identified.
    """
    depth = encoder.config.num_hidden_layers
    lists = [module for module in encoder.modules() if isinstance(module, nn.ModuleList) and len(module) == depth]
    if not lists:
        raise UserError(
            f"train.freeze_layers: {count}: a {type(encoder).__name__} does not keep its {depth} layers in one list; "
            "set train.freeze_layers: 0, or train.mode: lora or frozen"
        )
    if count > depth:
        raise UserError(f"train.freeze_layers: {count} is more than the {depth} layers of the encoder; lower it")
    first = next(lists[0].parameters())
    for weights in takewhile(lambda weights: weights is not first, encoder.parameters()):
        weights.requires_grad_(False)
    for layer in lists[0][:count]:
        layer.requires_grad_(False)


def output(encoder: PreTrainedModel, states: torch.Tensor) -> BaseModelOutputWithPooling:
    """Returns encoder states as the output that a head expects. Shape: states (B, T, H)."""
    pooler = getattr(encoder, "pooler", None)
    return BaseModelOutputWithPooling(
        last_hidden_state=states, pooler_output=None if pooler is None else pooler(states)
    )


@contextmanager
def replaced(encoder: PreTrainedModel, forward: Callable[..., Any]) -> Iterator[None]:
    """Replaces the forward function of the encoder within a `with` block."""
    encoder.forward = forward
    try:
        yield
    finally:
        del encoder.forward  # the forward function of the class is active again
