"""Training without the embeddings of sub-words that the data do not have, which are most of a multilingual encoder.

Such an embedding has no gradient: AdamW does nothing to it but decay, and decays all of them alike. So the optimizer,
the norm of the gradients and the state for resuming are spared them, and the model ends as if they had been there, up
to rounding.
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

ELEMENTWISE = (OptimizerNames.ADAMW_TORCH, OptimizerNames.ADAMW_TORCH_FUSED)  # no weight's step depends on others'


class _Used(nn.Embedding):
    """The used rows of an embedding, and a last one of ones, on which it is seen what decay does to the others."""

    places: torch.Tensor

    def __init__(self, whole: nn.Embedding, used: torch.Tensor) -> None:
        weight = torch.cat([whole.weight.detach()[used], torch.ones_like(whole.weight[:1])])
        places = torch.full((whole.num_embeddings,), len(weight))  # of rows that are not used: out of range
        places[used] = torch.arange(len(used))
        padding = int(places[whole.padding_idx]) if whole.padding_idx in used.tolist() else None  # else it is not seen
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
    """Leaves the encoders of a model, for a while, no embeddings but those of given inputs, as far as they learn.

    Args:
        encoded: all inputs that the model will see meanwhile.
    """
    seen = {i for part in encoded for windows in part.windows for window in windows for i in window.inputs["input_ids"]}
    used = torch.tensor(sorted(seen | {checkpoint.tokenizer.pad_token_id}))
    learning = {encoder: whole for encoder, whole in _tables(checkpoint.model) if whole.weight.requires_grad}
    for encoder, whole in learning.items():
        encoder.set_input_embeddings(_Used(whole, used))
    try:
        yield
    finally:
        for encoder, whole in learning.items():
            encoder.set_input_embeddings(encoder.get_input_embeddings().written_to(whole, used))


def _tables(model: PreTrainedModel) -> Iterator[tuple[PreTrainedModel, nn.Embedding]]:
    """Yields the encoders whose embeddings are theirs alone (those of T5 are shared), and are looked up and no more."""
    holders = Counter(id(weights) for _, weights in model.named_parameters(remove_duplicate=False))
    for module in model.modules():
        if isinstance(module, PreTrainedModel) and module.base_model is module:
            with suppress(NotImplementedError):  # transformers cannot tell where code of a model's own has them
                whole = module.get_input_embeddings()
                if type(whole) is nn.Embedding and holders[id(whole.weight)] == 1:
                    yield module, whole
