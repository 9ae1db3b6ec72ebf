"""Representations: the mean hidden state of each layer of an encoder for each example, and their files.

A file is in the safetensors format: the tensor `states`, and metadata that describe it. Reading does not import torch.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import ConfigDict, TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from src.core.files import atomic_file
from src.core.user_errors import UserError

STATES, ABOUT = "states", "about"


@dataclass(frozen=True, kw_only=True)
class About:
    """Describes the states; JSON under the key `about` of the file's metadata.

    Attributes:
        model: the model as the user named it: a name, a hub id or a folder.
        start: name of the weights that training started from; for an untrained model, its weights; None: unknown.
        encoder: name of the encoder's module in the model.
        architecture: config.model_type of the encoder.
        pooling: method that combines the states of an example's sub-words.
        precision: precision of the forward pass.
        step: optimizer steps before the extraction; None: training was finished, or the model is untrained.
        ids: ids of the examples, in order.
        texts: SHA-256 of the texts of the examples.
        inputs: SHA-256 of the sub-words that the encoder read.
    """

    __pydantic_config__ = ConfigDict(strict=True)

    model: str
    start: str | None = None
    encoder: str
    architecture: str
    pooling: str
    precision: str
    step: int | None = None
    ids: list[str]
    texts: str
    inputs: str

    def metadata(self) -> dict[str, str]:
        """Returns the file's metadata: a single key, because safetensors writes several keys in random order."""
        return {ABOUT: json.dumps(asdict(self), ensure_ascii=False)}


@dataclass(frozen=True)
class Representations:
    """Hidden states of some examples.

    Attributes:
        states: float32; layer 0 is the output of the embeddings. Shape: (samples, layers + 1, hidden).
    """

    states: np.ndarray
    about: About


def size(shape: tuple[int, ...], about: About) -> int:
    """Returns the size of a file in bytes from the shape of its states, accurate to a few bytes."""
    head = save({STATES: np.empty(0, np.float32)}, about.metadata())
    return int(np.prod(shape)) * np.dtype(np.float32).itemsize + len(head)


def write(path: Path, representations: Representations) -> None:
    """Writes a file of representations."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(save({STATES: representations.states}, representations.about.metadata()))


def read(path: Path) -> Representations:
    """Reads a file of representations.

    Raises:
        UserError: the file is missing, truncated or of another kind, or has states that are NaN or infinite.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}; make one: python -m src represent --out {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            about = TypeAdapter(About).validate_json((file.metadata() or {})[ABOUT])
            states = file.get_tensor(STATES)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:  # ValueError: metadata of another kind
        message = f"its metadata lack {error}" if isinstance(error, KeyError) else str(error)
        reason = ": ".join(map(str.strip, message.splitlines()[:2]))
        raise UserError(f"{path} is not a file of representations, or is truncated: {reason}") from error
    if states.dtype != np.float32 or states.ndim != 3 or 0 in states.shape or len(states) != len(about.ids):
        raise UserError(
            f"{path} is not a file of representations: its states are {states.dtype} with shape {states.shape}, "
            f"not float32 with shape (samples, layers, hidden) and {len(about.ids)} samples"
        )
    if not np.isfinite(states).all():
        raise UserError(
            f"{path}: some states are NaN or infinite; the model diverged, or its weights are damaged: train it again"
        )
    return Representations(states, about)
