"""The table of named encoders. Other encoders are given by hub id or local folder.

Importing this module does not import torch, because the stage hpo uses the table.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from src.core.user_errors import UserError, unknown_name

PRETRAINED_LEARNING_RATE = 2e-5


@dataclass(frozen=True)
class Encoder:
    """A pretrained encoder, or `tiny`.

    Attributes:
        source: hub id or local folder; None: built from the train split (`tiny`).
        learning_rate: peak learning rate if train.learning_rate is null and the encoder is trained.
        remote_code: the encoder needs code from the hub.
    """

    source: str | None
    learning_rate: float = PRETRAINED_LEARNING_RATE
    remote_code: bool = False


ENCODERS: dict[str, Encoder] = {
    "tiny": Encoder(None, learning_rate=5e-4),
    "alephbert": Encoder("onlplab/alephbert-base"),
    "alephbertgimmel": Encoder("dicta-il/alephbertgimmel-base"),
    "dictabert": Encoder("dicta-il/dictabert"),
    "neodictabert": Encoder("dicta-il/neodictabert", remote_code=True),
    "mbert": Encoder("bert-base-multilingual-cased"),
    "xlm-roberta": Encoder("xlm-roberta-base"),
    "bert": Encoder("bert-base-uncased"),
    "distilbert": Encoder("distilbert-base-uncased"),
    "roberta": Encoder("roberta-base"),
    "electra": Encoder("google/electra-base-discriminator"),
}


def start(model: str, task: str, seed: int, revision: str | None) -> str:
    """Returns a name for the initial weights of the encoder: equal names mean equal weights.

    The weights of `tiny` depend on task and seed. The name of a pretrained encoder has no owner or folder, so that a
    local copy has the same name.
    """
    encoder = ENCODERS.get(model, Encoder(model))
    if encoder.source is None:
        return f"{model} for {task} of seed {seed}"
    name = encoder.source.rstrip("/").rpartition("/")[2]
    return f"{name} of revision {revision}" if revision else name


def find(model: str, trust_remote_code: bool, revision: str | None) -> Encoder:
    """Resolves the parameter `model`: a name in the table, owner/name on the hub, or a local folder.

    Args:
        revision: the revision of a hub model; a commit if it may run its own code.

    Raises:
        UserError: the name is unknown, the folder has no model, or remote code is not allowed.
    """
    encoder = ENCODERS.get(model)
    if encoder is None and Path(model).is_dir():
        if not (Path(model) / "config.json").is_file():
            raise UserError(f"model: the folder {model} has no config.json; it must contain a saved transformers model")
        return Encoder(model)
    if encoder is None and model.startswith((".", "/", "~")):
        raise UserError(f"model: there is no folder {model}; set an existing folder")
    if encoder is None and model.count("/") == 1:
        encoder = Encoder(model)
    if encoder is None:
        raise unknown_name("model", model, [*ENCODERS, "owner/name on the hub", "./folder"])
    if encoder.remote_code and not trust_remote_code:
        raise UserError(
            f"model: {model} runs code from the hub; read the code, then set "
            "train.trust_remote_code: true, and train.revision to the commit that you read"
        )
    if encoder.source is not None and trust_remote_code and not re.fullmatch("[0-9a-f]{40}", revision or ""):
        raise UserError(
            f"train.trust_remote_code: true needs train.revision, the commit of {encoder.source} whose code you read: "
            f"40 digits of 0-9 and a-f, not {revision!r}, because a branch or a tag can move to other code"
        )
    return encoder
