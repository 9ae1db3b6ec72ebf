"""The Trainer callback that saves the hidden states of the encoder at selected steps of its training."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from src.core.config import Params, RepresentParams, TrainParams
from src.core.records import Example
from src.core.user_errors import UserError
from src.models import encoders
from src.models.checkpoint import Checkpoint
from src.representations import states_file
from src.representations.extraction import Extraction, choose


class RepresentCallback(TrainerCallback):
    """Saves the hidden states of the encoder at selected optimizer steps, in files step-<n>.safetensors.

    The files are in the folder of the resume state until training ends, because DVC deletes the outputs of a run
    before it is resumed.

    Args:
        state: folder of the resume state.
        out: folder that all files are copied to at the end.

    Raises:
        UserError: the files would be larger than the budget.
    """

    def __init__(
        self, extraction: Extraction, params: RepresentParams, batch_size: int, *, state: Path, out: Path
    ) -> None:
        extraction.check(params.budget_mib, len(params.steps), "train.represent.budget_mib")
        self.extraction = extraction
        self.steps = set(params.steps)
        self.batch_size = batch_size
        self.saved = state / "representations"
        self.out = out

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step == 0:
            if max(self.steps) > state.max_steps:
                raise UserError(
                    f"train.represent.steps: {max(self.steps)} is beyond the {state.max_steps} steps of this run; "
                    f"give steps up to {state.max_steps}, or raise train.epochs"
                )
            self._save(0)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._save(state.global_step)

    def _save(self, step: int) -> None:
        if step in self.steps:
            representations = self.extraction.run(self.batch_size, step)
            states_file.write(self.saved / f"step-{step}.safetensors", representations)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.saved.is_dir():  # if training stops early, there may be no file
            shutil.copytree(self.saved, self.out, dirs_exist_ok=True)
        if missed := sorted(step for step in self.steps if step > state.global_step):
            print(f"training ended at step {state.global_step}; no representations of steps {missed}", file=sys.stderr)


def representing(
    checkpoint: Checkpoint, validation: Sequence[Example], params: Params, train: TrainParams, state: Path, out: Path
) -> list[TrainerCallback]:
    """Returns the callback that train.represent configures; an empty list if it has no steps.

    Args:
        train: the section `train`, with the overrides of hpo.
        state: as in RepresentCallback.
        out: as in RepresentCallback.
    """
    if not train.represent.steps:
        return []
    start = encoders.start(params.model, params.task, params.seed, train.revision)
    examples = choose(validation, train.represent.examples)
    extraction = Extraction(checkpoint, examples, params.model, start=start)
    return [RepresentCallback(extraction, train.represent, train.batch_size, state=state, out=out)]
