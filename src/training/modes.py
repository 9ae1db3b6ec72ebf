"""Modes of training: the steps before training and before saving. Everything else is the same in all modes.

`zero_shot`, which does not train, is in zero_shot.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.core.config import TrainParams
from src.models import backbone, hardware
from src.models.batches import Encoded
from src.models.checkpoint import Checkpoint
from src.models.encoders import Encoder
from src.training import frozen, lora

BeforeSaving = Callable[[Path], None]

LEARNING_RATES = {  # defaults for train.learning_rate: null, in modes that freeze the encoder's weights
    "frozen": 1e-3,  # the default of Adam: Kingma and Ba 2015
    "lora": 5e-4,  # Hu et al. 2021 (LoRA), table 9, for most tasks on RoBERTa base
}


@dataclass(frozen=True)
class Begun:
    """A checkpoint that is ready for `fit`.

    Attributes:
        trainable_share: trainable weights, adapters included, as a share of the weights of the saved model.
        before_saving: changes the trained model into the model that is saved; may add files to its folder.
    """

    trainable_share: float
    before_saving: BeforeSaving


def learning_rate(params: TrainParams, encoder: Encoder) -> float:
    """Returns the peak learning rate: the parameter, else the default of the mode, else of the encoder."""
    return params.learning_rate or LEARNING_RATES.get(params.mode) or encoder.learning_rate


def begin(checkpoint: Checkpoint, encoded: Sequence[Encoded], params: TrainParams) -> Begun:
    """Prepares a checkpoint for training in train.mode.

    Args:
        encoded: all inputs that `fit` will receive.

    Raises:
        UserError: the mode cannot be used with this encoder.
    """
    hardware.prepare(params)  # the encoder must round here as in training
    weights = sum(weights.numel() for weights in checkpoint.model.parameters())
    before_saving = MODES[params.mode](checkpoint, encoded, params)
    trainable = sum(weights.numel() for weights in checkpoint.model.parameters() if weights.requires_grad)
    return Begun(trainable / weights, before_saving)


def _full(checkpoint: Checkpoint, encoded: Sequence[Encoded], params: TrainParams) -> BeforeSaving:
    if params.freeze_layers:
        for encoder in backbone.encoders(checkpoint.model).values():
            backbone.freeze_layers(encoder, params.freeze_layers)
    return lambda folder: None


def _frozen(checkpoint: Checkpoint, encoded: Sequence[Encoded], params: TrainParams) -> BeforeSaving:
    states = frozen.freeze(checkpoint, encoded, params)
    model, name = checkpoint.model, checkpoint.model.base_model_prefix
    encoder = model.base_model
    setattr(model, name, frozen.Cache(encoder, states))
    return lambda folder: setattr(model, name, encoder)


def _lora(checkpoint: Checkpoint, encoded: Sequence[Encoded], params: TrainParams) -> BeforeSaving:
    adapted = lora.adapt(checkpoint, params)
    return lambda folder: lora.merge(adapted, params.lora, folder)


MODES: dict[str, Callable[[Checkpoint, Sequence[Encoded], TrainParams], BeforeSaving]] = {
    "full": _full,
    "frozen": _frozen,
    "lora": _lora,
}
