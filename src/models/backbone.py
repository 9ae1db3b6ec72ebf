"""Where in a model the encoder ends and the head begins, and which layers an encoder has.

The encoder is what maps sub-words to their last hidden states. A pooler, which transformers keeps inside of some base
models (BERT's), comes after these states and belongs to the head: in many checkpoints it is not even pretrained.
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
    """Returns the encoders of a model by the names of their modules; a joint model may have several.

    Raises:
        UserError: the model is not made of an encoder and a head.
    """
    if model.base_model is model:
        raise UserError(
            f"a {type(model).__name__} is not made of an encoder and a head; it can be trained with train.mode: full, "
            "train.freeze_layers: 0"
        )
    found = {model.base_model_prefix: model.base_model}
    if isinstance(model, JointModel):
        found |= {f"encoders.{name}": encoder for name, encoder in model.encoders.items()}
    return found


def heads(model: PreTrainedModel) -> dict[str, nn.Module]:
    """Returns all that comes after the encoders, module by module, as far as it has weights."""
    found = {
        name: module
        for name, module in model.named_children()
        if name not in (*encoders(model), "encoders") and any(True for _ in module.parameters())
    }
    if isinstance(model, JointModel):  # it uses no pooler; peft takes each head, and no mapping of them
        return {name: module for name, module in found.items() if name != "heads"} | {
            f"heads.{name}": head for name, head in model.heads.items()
        }
    pooler = getattr(model.base_model, "pooler", None)
    return found | ({f"{model.base_model_prefix}.pooler": pooler} if pooler is not None else {})


def freeze_encoders(model: PreTrainedModel) -> None:
    """Lets the heads alone learn."""
    model.requires_grad_(False)
    for head in heads(model).values():
        head.requires_grad_(True)


def freeze_layers(encoder: PreTrainedModel, count: int) -> None:
    """Keeps the embeddings, which is all that comes before the layers, and the first layers from learning.

    Raises:
        UserError: the encoder has fewer layers, or layers that cannot be told.
    """
    depth = encoder.config.num_hidden_layers
    lists = [found for found in encoder.modules() if isinstance(found, nn.ModuleList) and len(found) == depth]
    if not lists:
        raise UserError(
            f"train.freeze_layers: {count}: a {type(encoder).__name__} does not have its {depth} layers in a row of "
            "modules; set 0, or train.mode: lora or frozen"
        )
    if count > depth:
        raise UserError(f"train.freeze_layers: {count} is more than the {depth} layers of the encoder")
    first = next(lists[0].parameters())
    for weights in takewhile(lambda weights: weights is not first, encoder.parameters()):
        weights.requires_grad_(False)
    for layer in lists[0][:count]:
        layer.requires_grad_(False)


def output(encoder: PreTrainedModel, states: torch.Tensor) -> BaseModelOutputWithPooling:
    """Returns what a head expects of its encoder. Shape: states (B, T, H)."""
    pooler = getattr(encoder, "pooler", None)
    return BaseModelOutputWithPooling(
        last_hidden_state=states, pooler_output=None if pooler is None else pooler(states)
    )


@contextmanager
def replaced(encoder: PreTrainedModel, forward: Callable[..., Any]) -> Iterator[None]:
    """Lets the heads see, for a while, what another function returns in place of the encoder."""
    encoder.forward = forward
    try:
        yield
    finally:
        del encoder.forward  # the class has the true one
