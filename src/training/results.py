"""Writes the results of the stage train: the model with its card, environment.json, health.json."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from huggingface_hub import ModelCard

from src.core.config import Params
from src.core.files import atomic_folder, read_json, write_json
from src.core.records import Example
from src.core.user_errors import UserError
from src.models import encoders, hardware
from src.models.interface import Model
from src.training import health_rules, model_card, reload
from src.training.health_callback import HealthCallback
from src.training.outcome import Outcome

PROBE = 8  # validation rows on which the saved model is compared with the model in memory


@dataclass(frozen=True)
class ResultPaths:
    """Paths of the results: a folder for the model, and two JSON files."""

    model: Path
    environment: Path
    health: Path


def write(
    model: Model,
    outcome: Outcome,
    health: HealthCallback,
    params: Params,
    validation: Sequence[Example],
    data: Path,
    paths: ResultPaths,
) -> None:
    """Saves the model with its card, the costs of the run, and the results of the health rules.

    Args:
        data: the folder that prepare wrote.

    Raises:
        UserError: there is a red flag, and train.health.fail_on is red_flag.
    """
    with atomic_folder(paths.model) as folder:
        outcome.before_saving(folder)
        model.save(folder)
        _card(model, params, outcome, data).save(folder / model_card.FILE)
    device = hardware.device(outcome.trained.device)
    peak = hardware.peak_memory_mib(device)
    setup = asdict(hardware.choose(outcome.trained))
    environment = {**hardware.describe(device), "setup": setup, **outcome.costs, "peak_memory_mib": peak}
    write_json(paths.environment, environment)

    difference = reload.difference(
        model,
        paths.model,
        validation[:PROBE],
        device=device.type,
        trust_remote_code=outcome.trained.trust_remote_code,
    )
    facts = replace(health.facts, memory=peak / hardware.memory_mib(device), reload=difference)
    judged = health_rules.judge(outcome.history, facts, outcome.trained.health)
    write_json(paths.health, judged)
    health.print_red_flags(judged)
    failed = {
        status: [name for name, result in judged["rules"].items() if result["status"] == status]
        for status in ("red_flag", "warning")
    }
    lines = [f"{status}: {', '.join(names)}" for status, names in failed.items() if names]
    print(f"health {'; '.join(lines) or judged['status']}; see {paths.health}")
    if failed["red_flag"] and outcome.trained.health.fail_on == "red_flag":
        raise UserError(
            f"train.health.fail_on: red_flag, and the run has red flags: {', '.join(failed['red_flag'])}; see "
            f"{paths.health}; correct the cause, or set train.health.fail_on: never to accept the run"
        )


def _card(model: Model, params: Params, outcome: Outcome, data: Path) -> ModelCard:
    source = encoders.find(params.model, outcome.trained.trust_remote_code, outcome.trained.revision).source
    is_local = source is None or Path(source).is_dir()
    return model_card.create(
        model.labels,
        read_json(data / "corpus.json"),
        data,
        {**params.model_dump(include={"model", "task", "seed"}), **outcome.trained.settings},
        outcome.scores,
        epoch=outcome.epoch,
        base_model=None if is_local or not model.weights else source,
        plain=model.is_plain,
    )
