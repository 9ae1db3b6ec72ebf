"""Representations: the mean state that each layer of an encoder has for each of some examples, and their files.

A file is safetensors: the tensor `states`, and in its metadata what the states are of. Reading one needs no torch.
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
    """What states are of; JSON under the key `about` of the file's metadata.

    Attributes:
        model: what was asked for: a name, a hub id, a folder.
        start: names the weights that its training started from; those of an untrained model are its own; None: unknown.
        encoder: the module of that model which is the encoder.
        architecture: its config.model_type.
        pooling: how the states of the sub-words of an example became one.
        precision: of the forward pass.
        step: optimizer steps that training had done; None: it was over, or there was none.
        ids: of the examples, in their order.
        texts: SHA-256 of what the examples say.
        inputs: SHA-256 of the sub-words that the encoder was given.
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
        """Returns what safetensors keeps: one key, for it writes several in another order each time."""
        return {ABOUT: json.dumps(asdict(self), ensure_ascii=False)}


@dataclass(frozen=True)
class Representations:
    """States of some examples.

    Attributes:
        states: float32; layer 0 is what the embeddings give. Shape: (samples, layers + 1, hidden).
    """

    states: np.ndarray
    about: About


def size(shape: tuple[int, ...], about: About) -> int:
    """Returns the bytes of a file of states of this shape, before there are any; to a few that stand for the shape."""
    head = save({STATES: np.empty(0, np.float32)}, about.metadata())
    return int(np.prod(shape)) * np.dtype(np.float32).itemsize + len(head)


def write(path: Path, found: Representations) -> None:
    """Writes a file of representations."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(save({STATES: found.states}, found.about.metadata()))


def read(path: Path) -> Representations:
    """Reads a file of representations.

    Raises:
        UserError: no such file, one that is cut off or holds something else, or states that are no numbers.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}; make one: python -m src represent --out {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            about = TypeAdapter(About).validate_json((file.metadata() or {})[ABOUT])
            states = file.get_tensor(STATES)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:  # ValueError: metadata of another kind
        said = f"its metadata lack {error}" if isinstance(error, KeyError) else str(error)
        reason = ": ".join(map(str.strip, said.splitlines()[:2]))
        raise UserError(f"{path} is no file of representations, or is cut off: {reason}") from error
    if states.dtype != np.float32 or states.ndim != 3 or 0 in states.shape or len(states) != len(about.ids):
        raise UserError(
            f"{path} is no file of representations: its states are {states.dtype} of the shape {states.shape}, "
            f"not float32 of (samples, layers, hidden) with {len(about.ids)} samples"
        )
    if not np.isfinite(states).all():
        raise UserError(f"{path}: some of the states are no numbers; the model diverged, or its weights are damaged")
    return Representations(states, about)
