"""Trains without the embeddings of sub-words that the data do not contain: most weights of a multilingual encoder.

These embeddings have no gradient: AdamW only applies weight decay to them, by the same factor for all. So the optimizer
and the resume state can omit them. The trained model is the same, except for rounding.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.training_args import OptimizerNames

from src.models.batches import Encoded
from src.models.checkpoint import Checkpoint

ELEMENTWISE = (OptimizerNames.ADAMW_TORCH, OptimizerNames.ADAMW_TORCH_FUSED)  # they update each weight alone


class _Used(nn.Embedding):
    """The used rows of an embedding, and a last row of ones, which measures the weight decay of the unused rows."""

    places: torch.Tensor

    def __init__(self, whole: nn.Embedding, used: torch.Tensor) -> None:
        weight = torch.cat([whole.weight.detach()[used], torch.ones_like(whole.weight[:1])])
        places = torch.full((whole.num_embeddings,), len(weight))  # unused rows: out of range
        places[used] = torch.arange(len(used))
        padding = int(places[whole.padding_idx]) if whole.padding_idx in used.tolist() else None  # else unused
        super().__init__(len(weight), weight.shape[1], padding_idx=padding, _weight=weight)
        self.register_buffer("places", places.to(weight.device), persistent=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return super().forward(self.places[ids])

    @torch.no_grad()
    def written_to(self, whole: nn.Embedding, used: torch.Tensor) -> nn.Embedding:
        whole.weight *= self.weight[-1]
        whole.weight[used] = self.weight[:-1]
        return whole


@contextmanager
def trimmed(checkpoint: Checkpoint, encoded: Sequence[Encoded]) -> Iterator[None]:
    """Inside the context, trainable embeddings have only the rows that the inputs use.

    Args:
        encoded: all inputs that the model reads inside the context.
    """
    ids = {i for part in encoded for windows in part.windows for window in windows for i in window.inputs["input_ids"]}
    used = torch.tensor(sorted(ids | {checkpoint.tokenizer.pad_token_id}))
    trainable = {encoder: whole for encoder, whole in _tables(checkpoint.model) if whole.weight.requires_grad}
    for encoder, whole in trainable.items():
        encoder.set_input_embeddings(_Used(whole, used))
    try:
        yield
    finally:
        for encoder, whole in trainable.items():
            encoder.set_input_embeddings(encoder.get_input_embeddings().written_to(whole, used))


def _tables(model: PreTrainedModel) -> Iterator[tuple[PreTrainedModel, nn.Embedding]]:
    """Yields encoders whose embeddings are not shared (T5 shares them) and are plain lookup tables."""
    holders = Counter(id(weights) for _, weights in model.named_parameters(remove_duplicate=False))
    for module in model.modules():
        if isinstance(module, PreTrainedModel) and module.base_model is module:
            with suppress(NotImplementedError):  # models with their own code may not define it
                whole = module.get_input_embeddings()
                if type(whole) is nn.Embedding and holders[id(whole.weight)] == 1:
                    yield module, whole
