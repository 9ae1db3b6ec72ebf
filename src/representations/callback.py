"""The Trainer callback that keeps the states of the encoder at chosen steps of its training."""

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
    """Keeps the states of the encoder at chosen optimizer steps, in files step-<n>.safetensors.

    They lie beside the state of the training until it ends, for DVC deletes the outputs of a run that is resumed.

    Args:
        state: folder of the state that an interrupted training goes on from.
        out: folder that has all files at the end.

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
        self.kept = state / "representations"
        self.out = out

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step == 0:
            if max(self.steps) > state.max_steps:
                raise UserError(
                    f"train.represent.steps: {max(self.steps)} is beyond the {state.max_steps} steps of this run; "
                    "name none above, or raise train.epochs"
                )
            self._keep(0)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._keep(state.global_step)

    def _keep(self, step: int) -> None:
        if step in self.steps:
            found = self.extraction.run(self.batch_size, step)
            states_file.write(self.kept / f"step-{step}.safetensors", found)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.kept.is_dir():  # where training stops early, there may be no file
            shutil.copytree(self.kept, self.out, dirs_exist_ok=True)
        if missed := sorted(step for step in self.steps if step > state.global_step):
            print(f"training ended at step {state.global_step}; no representations of {missed}", file=sys.stderr)


def representing(
    checkpoint: Checkpoint, validation: Sequence[Example], params: Params, chosen: TrainParams, state: Path, out: Path
) -> list[TrainerCallback]:
    """Returns the callback that train.represent asks for, or none.

    Args:
        chosen: the section `train`, with what hpo chose; the others are as of RepresentCallback.
    """
    if not chosen.represent.steps:
        return []
    start = encoders.start(params.model, params.task, params.seed, chosen.revision)
    examples = choose(validation, chosen.represent.examples)
    extraction = Extraction(checkpoint, examples, params.model, start=start)
    return [RepresentCallback(extraction, chosen.represent, chosen.batch_size, state=state, out=out)]
