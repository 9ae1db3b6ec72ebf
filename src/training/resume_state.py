"""The resume state of a training run: its key, its lock, and its newest complete checkpoint.

Only tensors, numbers and arrays are unpickled, so a checkpoint from another source cannot run code.
"""

import pickle
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from transformers import TrainerState
from transformers.utils import SAFE_WEIGHTS_NAME

from src.core.config import Params, TrainParams
from src.core.files import digest
from src.models import hardware
from src.models.checkpoint import Checkpoint
from src.models.encoders import Encoder
from src.training.transformers_internals import OPTIMIZER_NAME, SCHEDULER_NAME, TRAINER_STATE_NAME, safe_globals

SRC = Path(__file__).parents[1]
FOLDERS = ("core", "models", "tasks", "text", "training")
WITHOUT_EFFECT = {  # code that observes training or writes its results, and does not change the trained weights
    *(f"training/{name}.py" for name in ("health_callback", "health_rules", "outcome", "overfit", "reload", "results")),
    *("training/model_card/__init__.py", "training/zero_shot.py"),
}


def learning_code() -> list[Path]:
    """Returns the source files of this project that can change the trained weights, sorted."""
    code = {"stages/train.py", *(str(path.relative_to(SRC)) for name in FOLDERS for path in (SRC / name).rglob("*.py"))}
    return [SRC / name for name in sorted(code - WITHOUT_EFFECT)]


def key(encoder: Encoder, model: Checkpoint, params: Params, train: TrainParams, data: Path) -> str:
    """Returns the key of a resume state. Equal training runs have the same key.

    The key contains everything that changes the trained weights: parameters, data, code, precision, device and
    versions. If any of them changes, training starts from scratch.

    Args:
        train: the section `train`, with the overrides of hpo.
        data: the folder that prepare wrote.
    """
    device = hardware.device(train.device)
    machine = hardware.describe(device)
    settings = [
        params.model, params.task, params.seed, train.settings, train.represent.model_dump(), model.precision,
        device.type, *(machine[package] for package in ("torch", "transformers", "accelerate")),
    ]  # fmt: skip
    files = [data / name for name in ("train.jsonl", "validation.jsonl", "labels.json")]
    files += learning_code()
    if encoder.source is not None and Path(encoder.source).is_dir():
        files += sorted(path for path in Path(encoder.source).iterdir() if path.is_file())
    return digest(settings, files)


@contextmanager
def exclusive(state: Path) -> Iterator[None]:
    """Locks the state. If an equal run of another experiment uses it, prints a message and waits."""
    path = state.with_name(f"{state.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("an equal run is training; waiting until it has ended", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # before release: a waiting run notices the deletion and creates a new lock
        lock.release()


def last(folder: Path) -> Path | None:
    """Returns the newest complete checkpoint. Deletes newer damaged checkpoints and prints a message for each."""
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        damage = _damage(checkpoint)
        if damage is None:
            return checkpoint
        print(f"the checkpoint {checkpoint} is incomplete or damaged and is not used: {damage}", file=sys.stderr)
        shutil.rmtree(checkpoint)
    return None


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _damage(checkpoint: Path) -> str | None:
    """Returns the damage of a checkpoint, or None. The check is needed because Trainer ignores missing files."""
    file = checkpoint / TRAINER_STATE_NAME  # Trainer writes it last
    try:
        best = Path(TrainerState.load_from_json(str(file)).best_model_checkpoint or checkpoint)
        if best.resolve().parent != checkpoint.resolve().parent:
            raise ValueError(f"the best model is in another folder, {best}")  # the project was moved or copied
        for file in (checkpoint / SAFE_WEIGHTS_NAME, best / SAFE_WEIGHTS_NAME):
            with safe_open(file, framework="pt"):  # compares the size of the file with its header
                pass
        for file in (
            checkpoint / OPTIMIZER_NAME,
            checkpoint / SCHEDULER_NAME,
            *(sorted(checkpoint.glob("rng_state*.pth")) or [checkpoint / "rng_state.pth"]),
            *checkpoint.glob("scaler.pt"),
        ):
            with safe_globals():
                torch.load(file, map_location="cpu", weights_only=True)
    except (
        OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, EOFError, pickle.UnpicklingError,
        SafetensorError,
    ) as error:  # fmt: skip
        reason = str(error).splitlines() or [type(error).__name__]
        return f"{file}: {reason[0]}"
    return None
