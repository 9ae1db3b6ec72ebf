"""The encoders that have a name, and how any encoder is found: by that name, by hub id, or in a local folder.

Imports neither torch nor transformers when it is imported: the hpo stage looks names up here.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from src.core.user_errors import UserError, unknown_name

PRETRAINED_LEARNING_RATE = 2e-5


@dataclass(frozen=True)
class Encoder:
    """An encoder to start from.

    Attributes:
        source: hub id or local folder; None: built from the train split (`tiny`).
        learning_rate: peak learning rate where train.learning_rate is null and the encoder learns.
        remote_code: cannot be loaded without running code from the hub.
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
    """Names the encoder that training starts from: equal where its weights are.

    `tiny` draws them, after the seed and among heads of the task. A pretrained one is named without its owner or
    folder, so that a copy of it on this machine is the same.
    """
    encoder = ENCODERS.get(model, Encoder(model))
    if encoder.source is None:
        return f"{model} for {task} of seed {seed}"
    name = encoder.source.rstrip("/").rpartition("/")[2]
    return f"{name} of revision {revision}" if revision else name


def find(model: str, trust_remote_code: bool, revision: str | None) -> Encoder:
    """Looks up the `model` parameter: a name of the table, owner/name on the hub, or a local folder.

    Args:
        revision: of a model on the hub; one that may run code of its own needs a commit.

    Raises:
        UserError: a name that is none of these, a folder without a model, or remote code that is not allowed.
    """
    encoder = ENCODERS.get(model)
    if encoder is None and Path(model).is_dir():
        if not (Path(model) / "config.json").is_file():
            raise UserError(f"model: the folder {model} has no config.json; it must hold a saved transformers model")
        return Encoder(model)
    if encoder is None and model.startswith((".", "/", "~")):
        raise UserError(f"model: there is no folder {model}")
    if encoder is None and model.count("/") == 1:
        encoder = Encoder(model)
    if encoder is None:
        raise unknown_name("model", model, [*ENCODERS, "owner/name on the hub", "./folder"])
    if encoder.remote_code and not trust_remote_code:
        raise UserError(
            f"model: {model} runs code from the hub; read it, then set "
            "train.trust_remote_code: true, and train.revision to the commit that was read"
        )
    if encoder.source is not None and trust_remote_code and not re.fullmatch("[0-9a-f]{40}", revision or ""):
        raise UserError(
            f"train.trust_remote_code: true needs train.revision, the commit of {encoder.source} whose code was read: "
            f"40 digits of 0-9 and a-f, not {revision!r}, for a branch or a tag can be moved to other code"
        )
    return encoder
