"""The state that an interrupted training left behind: the newest that is whole is gone on from.

Nothing in it is unpickled but tensors, numbers and arrays: a state that somebody else put there can run no code.
"""

import pickle
import shutil
import sys
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from transformers import TrainerState
from transformers.utils import SAFE_WEIGHTS_NAME

from src.training.transformers_internals import OPTIMIZER_NAME, SCHEDULER_NAME, TRAINER_STATE_NAME, safe_globals


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
