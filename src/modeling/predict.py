"""The one way from a checkpoint and examples to predictions; training, evaluation and tools all call it."""

from collections.abc import Sequence

import torch

from src.modeling.batches import Encoded, encode
from src.modeling.checkpoint import Checkpoint
from src.records import Example, Prediction


def predict(checkpoint: Checkpoint, examples: Sequence[Example], batch_size: int) -> list[Prediction]:
    """Predicts every example with every task of a checkpoint, longest inputs first so that little is padding.

    Args:
        batch_size: examples per forward pass.

    Returns:
        One prediction per example and task, in the order of the examples.
    """
    return predict_encoded(checkpoint, encode(checkpoint, examples), batch_size)


@torch.inference_mode()
def predict_encoded(checkpoint: Checkpoint, encoded: Encoded, batch_size: int) -> list[Prediction]:
    """Predicts as `predict` does, what is tokenised already."""
    model = checkpoint.model
    was_training = model.training
    model.eval()
    examples, encodings = encoded.examples, encoded.encodings
    order = sorted(range(len(examples)), key=lambda i: -len(encodings[i].inputs["input_ids"]))
    rows: dict[int, list[Prediction]] = {}
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        inputs = checkpoint.tokenizer.pad([encodings[i].inputs for i in chosen], return_tensors="pt").to(model.device)
        logits = {name: value.float().cpu().numpy() for name, value in checkpoint.logits(inputs).items()}
        for position, i in enumerate(chosen):
            rows[i] = [
                task.decode(logits[task.name][position], encodings[i], examples[i], checkpoint.labels[task.name])
                for task in checkpoint.tasks
            ]
    model.train(was_training)
    return [row for i in range(len(examples)) for row in rows[i]]
