"""The state of an interrupted training: its key, its lock, and the newest whole checkpoint in it.

Only tensors, numbers and arrays are unpickled: a state that somebody else put there cannot run code.
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
WITHOUT_EFFECT = {  # code that looks at a training, or writes its results, and changes nothing of what is learnt
    *(f"training/{name}.py" for name in ("health_callback", "health_rules", "outcome", "overfit", "reload", "results")),
    *("training/model_card/__init__.py", "training/zero_shot.py"),
}


def learning_code() -> list[Path]:
    """Returns the files of this project whose code a training depends on, sorted."""
    code = {"stages/train.py", *(str(path.relative_to(SRC)) for name in FOLDERS for path in (SRC / name).rglob("*.py"))}
    return [SRC / name for name in sorted(code - WITHOUT_EFFECT)]


def key(encoder: Encoder, model: Checkpoint, params: Params, train: TrainParams, data: Path) -> str:
    """Returns the name of a training's state, which equal trainings share.

    The key covers everything that changes what is learnt: parameters, data, code, precision, device and versions. A
    training that continued from the state of another one would be a mixture of both.

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
    """Waits until no equal run, of another experiment, works with the state. Says that it waits."""
    path = state.with_name(f"{state.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("an equal run trains already; this one waits until that has ended", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while the lock is held: a waiting run sees that it is gone, and makes another
        lock.release()


def last(folder: Path) -> Path | None:
    """Finds the newest state that is whole; removes, and names, newer ones, into which Trainer would write again."""
    for state in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        damage = _damage(state)
        if damage is None:
            return state
        print(f"the state {state} is not whole and is not used: {damage}", file=sys.stderr)
        shutil.rmtree(state)
    return None


def _step(state: Path) -> int:
    return int(state.name.rpartition("-")[2])


def _damage(state: Path) -> str | None:
    """Says what is wrong with a state; Trainer itself goes on without a file that is missing."""
    file = state / TRAINER_STATE_NAME  # what Trainer writes last
    try:
        best = Path(TrainerState.load_from_json(str(file)).best_model_checkpoint or state)
        if best.resolve().parent != state.resolve().parent:
            raise ValueError(f"the best model is in another folder, {best}")  # the project was moved, or copied
        for file in (state / SAFE_WEIGHTS_NAME, best / SAFE_WEIGHTS_NAME):
            with safe_open(file, framework="pt"):  # compares its size with what its head says
                pass
        for file in (
            state / OPTIMIZER_NAME,
            state / SCHEDULER_NAME,
            *(sorted(state.glob("rng_state*.pth")) or [state / "rng_state.pth"]),
            *state.glob("scaler.pt"),
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
