"""Health rules: what trips each, what just does not, and that a real run which is healthy is called so.

pytest tests/training/test_health_rules.py
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import BertConfig, set_seed

from src import tasks
from src.core import config
from src.core.check_result import STATUSES
from src.core.config import HealthParams
from src.core.records import Example
from src.models import checkpoint, tiny
from src.models.batches import encode
from src.models.encoders import Encoder
from src.training.fit import fit
from src.training.health_rules import RULES, Facts, History, judge
from tests.conftest import ROOT

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
STEPS, EPOCHS = 20, 3
PARAMS = config.load(ROOT / "params.yaml").train.health
FACTS = Facts(
    fine_tuned=True,
    precision="fp32",
    expected={"f1_macro": [0.8, 0.9]},
    majority={"f1_macro": 0.4},
    memory=0.5,
    reload=0.0,
)


def trained(
    losses: float | Sequence[float] = 0.5,
    validation: Sequence[float] = (0.5, 0.5, 0.5),
    norms: Sequence[float] = (1.0,),
    scores: Sequence[float] = (0.7, 0.8, 0.85),
    steps: int = STEPS,
) -> list[dict[str, float]]:
    """The history of three epochs; the last norm, and one loss, stand for all others."""
    count = EPOCHS * steps
    of_steps = list(losses) if isinstance(losses, Sequence) else [losses] * count
    of_norms = [*norms, *[norms[-1]] * (count - len(norms))]
    history: list[dict[str, float]] = []
    for step in range(1, count + 1):
        epoch = step / steps
        history.append({"loss": of_steps[step - 1], "grad_norm": of_norms[step - 1], "step": step, "epoch": epoch})
        if step % steps == 0:
            score = scores[round(epoch) - 1]
            loss = validation[round(epoch) - 1]
            history.append(
                {"eval_loss": loss, "eval_primary": score, "eval_f1_macro": score, "epoch": epoch, "step": step}
            )
    return history


def ending(*last: float) -> list[float]:
    """Losses of 0.5, and these at the end."""
    return [0.5] * (EPOCHS * STEPS - len(last)) + list(last)


def rising(share: float) -> list[float]:
    """Losses that rise by a share of their mean in a straight line over the last third."""
    return ending(*np.linspace(1 - share / 2, 1 + share / 2, STEPS))


UP_AND_DOWN = [0.4, 0.6] * (STEPS // 2)
TWICE_ON = [*UP_AND_DOWN[:-4], 0.61, 0.62, 0.4, 0.6]  # at two steps the loss goes on as before
UNTRAINED: History = [{"eval_primary": 0.85, "eval_f1_macro": 0.85}]

Case = tuple[str, History, dict[str, Any]]
CASES: dict[str, list[Case]] = {  # of each rule: its status, a history, and facts that are other than FACTS
    "finite_loss": [
        ("red_flag", trained(ending(math.nan, 0.5)), {}),
        ("red_flag", trained(ending(-math.inf)), {}),
        ("red_flag", trained(validation=(0.5, math.inf, 0.5)), {}),
        ("ok", trained(ending(1e308)), {}),
        ("not_applicable", UNTRAINED, {}),
    ],
    "train_loss": [
        ("red_flag", trained(10.001), {}),
        ("red_flag", trained(ending(math.nan)), {}),
        ("warning", trained(10.0), {}),
        ("warning", trained(5.001), {}),
        ("ok", trained(5.0), {}),
        ("ok", trained([99.0] * STEPS + [0.5] * 2 * STEPS), {}),
        ("ok", trained(0.00101), {}),
        ("warning", trained(0.00099), {}),
        ("not_applicable", UNTRAINED, {}),
    ],
    "loss_ratio": [
        ("red_flag", trained(0.5, validation=(0.5, 0.5, 1.501)), {}),
        ("red_flag", trained(0.5, validation=(0.5, 0.5, math.nan)), {}),
        ("red_flag", trained(0.0), {}),
        ("warning", trained(0.5, validation=(0.5, 0.5, 1.5)), {}),
        ("warning", trained(0.5, validation=(0.5, 0.5, 1.001)), {}),
        ("ok", trained(0.5, validation=(0.5, 0.5, 1.0)), {}),
        ("ok", trained(0.5, validation=(0.5, 0.5, 9.0), scores=(0.7, 0.8, 0.8)), {}),
        ("not_applicable", UNTRAINED, {}),
    ],
    "loss_trend": [
        ("red_flag", trained(rising(0.101)), {}),
        ("ok", trained(rising(0.099)), {}),
        ("ok", trained(rising(-0.9)), {}),
        ("ok", trained([*rising(0.9)[-STEPS:], *[0.5] * 2 * STEPS]), {}),
        ("warning", trained(ending(*UP_AND_DOWN)), {}),
        ("ok", trained(ending(*TWICE_ON)), {}),
        ("not_applicable", trained(ending(math.nan)), {}),
        ("not_applicable", trained(rising(0.9)[-27:], steps=9), {}),
        ("not_applicable", UNTRAINED, {}),
    ],
    "gradient_norm": [
        ("red_flag", trained(norms=(1000.1, 1.0)), {}),
        ("red_flag", trained(norms=(math.nan, 1.0)), {}),
        ("red_flag", trained(norms=(math.inf, 1.0)), {}),
        ("red_flag", trained(norms=(9.9e-9,)), {}),
        ("warning", trained(norms=(1000.0, 1.0)), {}),
        ("warning", trained(norms=(100.1, 1.0)), {}),
        ("warning", trained(norms=(1e-8,)), {}),
        ("warning", trained(norms=(9.9e-4,)), {}),
        ("ok", trained(norms=(100.0, 1.0)), {}),
        ("ok", trained(norms=(1e-3,)), {}),
        ("ok", trained(norms=(0.0, 0.0, 1.0)), {}),
        ("ok", trained(norms=(math.inf, 1.0)), {"precision": "fp16"}),
        ("not_applicable", UNTRAINED, {}),
    ],
    "expected": [
        ("red_flag", trained(scores=(0.1, 0.559, 0.1)), {}),
        ("red_flag", trained(scores=(0.1, 0.7, 0.1)), {"expected": {"f1_macro": [0.1, 0.2], "primary": [1.1, 1.2]}}),
        ("warning", trained(scores=(0.1, 0.561, 0.1)), {}),
        ("warning", trained(scores=(0.1, 0.679, 0.1)), {}),
        ("ok", trained(scores=(0.1, 0.681, 0.1)), {}),
        ("ok", trained(scores=(0.0, 0.0, 0.0)), {"expected": {"f1_macro": [0.0, 0.1]}}),
        ("not_applicable", trained(scores=(0.1, 0.1, 0.1)), {"fine_tuned": False}),
        ("not_applicable", trained(scores=(0.1, 0.1, 0.1)), {"expected": {}}),
    ],
    "majority": [
        ("red_flag", trained(scores=(0.1, 0.4, 0.1)), {}),
        ("red_flag", trained(), {"majority": {"f1_macro": 0.4, "primary": 0.9}}),
        ("red_flag", UNTRAINED, {"majority": {"f1_macro": 0.85}}),
        ("ok", trained(scores=(0.1, 0.401, 0.1)), {}),
        ("ok", UNTRAINED, {}),
    ],
    "memory": [
        ("warning", trained(), {"memory": 0.901}),
        ("ok", trained(), {"memory": 0.9}),
        ("not_applicable", trained(), {"memory": None}),
    ],
    "reload": [
        ("red_flag", trained(), {"reload": 1.01e-5}),
        ("red_flag", trained(), {"reload": math.nan}),
        ("red_flag", trained(), {"reload": math.inf}),
        ("ok", trained(), {"reload": 1e-5}),
        ("not_applicable", trained(), {"reload": None}),
    ],
}
WITHOUT_WARNING = {"finite_loss", "majority", "reload"}
WITHOUT_RED_FLAG = {"memory"}


@pytest.mark.parametrize("rule", RULES)
def test_every_grade_of_every_rule_has_a_case(rule: str) -> None:
    grades = {status for status, _, _ in CASES[rule]}
    assert "ok" in grades
    assert "red_flag" in grades or rule in WITHOUT_RED_FLAG
    assert "warning" in grades or rule in WITHOUT_WARNING


@pytest.mark.parametrize(
    ("rule", "case"), [pytest.param(rule, case, id=f"{rule}-{case[0]}") for rule in RULES for case in CASES[rule]]
)
def test_a_rule_grades_a_history(rule: str, case: Case) -> None:
    status, history, changes = case
    found = judge(history, replace(FACTS, **changes), PARAMS, [rule])
    assert found["rules"][rule]["status"] == status, found
    assert found["status"] == status
    assert "\n" not in found["rules"][rule]["message"]
    json.dumps(found, allow_nan=False)


def test_noise_that_happens_to_rise_is_no_rise() -> None:
    noise = [0.2, 0.9, 0.3, 0.8, 0.7, 0.1, 0.9, 0.9, 0.2, 0.5, 0.9, 0.6]
    found = judge(trained(ending(*noise)), FACTS, PARAMS, ["loss_trend"])["rules"]["loss_trend"]
    assert PARAMS.loss_rise_red_flag < found["figures"]["rise"] < 2 * found["figures"]["standard_error"]
    assert found["status"] == "ok"


THRESHOLDS = {  # of each rule: keys of train.health that make a healthy run trip it
    "train_loss": {"train_loss_red_flag": 1e-9, "train_loss_warning": 1e-9},
    "loss_ratio": {"loss_ratio_red_flag": 1e-9, "loss_ratio_warning": 1e-9},
    "loss_trend": {"oscillation_warning": 1e-9},
    "gradient_norm": {"gradient_norm_warning": [1e-8, 1e-3]},
    "expected": {"expected_warning": 1.0, "expected_red_flag": 1.0},
    "memory": {"memory_warning": 1e-9},
    "reload": {"reload_red_flag": 0.0},
}
WITHOUT_THRESHOLD = {"finite_loss", "majority"}


@pytest.mark.parametrize("rule", sorted(RULES.keys() - WITHOUT_THRESHOLD))
def test_the_thresholds_are_those_of_the_parameters(rule: str) -> None:
    history, facts = trained(ending(*TWICE_ON), scores=(0.1, 0.7, 0.1)), replace(FACTS, reload=1e-6)
    before = judge(history, facts, PARAMS, [rule])["rules"][rule]
    changed = HealthParams(**{**PARAMS.model_dump(), **THRESHOLDS[rule]})
    after = judge(history, facts, changed, [rule])["rules"][rule]
    assert before["status"] == "ok"
    assert STATUSES.index(after["status"]) > STATUSES.index("ok")
    assert before["thresholds"] != after["thresholds"]


def test_the_worst_status_is_that_of_the_run() -> None:
    assert judge(trained(), FACTS, PARAMS)["status"] == "ok"
    assert judge(trained(), replace(FACTS, memory=0.95), PARAMS)["status"] == "warning"
    assert judge(trained(), replace(FACTS, memory=0.95, reload=1.0), PARAMS)["status"] == "red_flag"


@pytest.fixture(scope="module")
def real(splits: dict[str, list[Example]]) -> Iterator[History]:
    """The history of a short training of `tiny` that goes well."""
    params = config.load(ROOT / "params.yaml").train.overridden({"epochs": 5, "batch_size": 8}, Path("options"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "config", lambda tokenizer: BertConfig(vocab_size=len(tokenizer), **SMALL))
        set_seed(0)
        labels = tasks.label_sets(tasks.parse("span"), splits["train"], [])
        made = checkpoint.create(Encoder(None), labels, splits["train"], params)
        data = [encode(made, splits[name]) for name in ("train", "validation")]
        yield fit(made, *data, params, learning_rate=4e-3, seed=0).history


@pytest.mark.parametrize("rule", RULES)
def test_a_real_run_that_is_healthy_is_called_so(rule: str, real: History) -> None:
    scores = [entry["eval_span_f1"] for entry in real if "eval_span_f1" in entry]
    facts = replace(FACTS, expected={"span_f1": [max(scores), 1.0]}, majority={"span_f1": 0.0})
    found = judge(real, facts, PARAMS, [rule])
    assert found["status"] == "ok", found
