"""Mode `lora`: low-rank adapters are trained instead of the encoder's weights, and are merged into them before saving.

peft is imported only if adapters are used, because the import takes seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from src.core.config import LoraParams, TrainParams
from src.core.user_errors import UserError
from src.models import backbone
from src.models.checkpoint import Checkpoint
from src.models.loading import loading

if TYPE_CHECKING:
    from peft import PeftModel

R = 8
DROPOUT = 0.1

TARGETS: dict[str, list[str]] = {  # by config.model_type: queries and values, as Hu et al. 2021 (LoRA), section 7.1
    "bert": ["query", "value"],
    "roberta": ["query", "value"],
    "xlm-roberta": ["query", "value"],
    "electra": ["query", "value"],
    "distilbert": ["q_lin", "v_lin"],
}


def adapt(checkpoint: Checkpoint, params: TrainParams) -> PeftModel:
    """Adds adapters to the model of a checkpoint, in place; only adapters and heads stay trainable.

    Raises:
        UserError: the encoder lacks the target modules, or has no default targets; keep_adapter is set, but the base
            model cannot be loaded again.
    """
    from peft import LoraConfig, get_peft_model

    model, options = checkpoint.model, params.lora
    if options.keep_adapter and not backbone.encoders(model)[model.base_model_prefix].name_or_path:
        raise UserError(
            "train.lora.keep_adapter: true: an adapter needs its base model, but this encoder has random weights in "
            "each run; set keep_adapter: false, or another model"
        )
    r = options.r or R
    config = LoraConfig(
        r=r,
        lora_alpha=options.alpha or 2 * r,
        lora_dropout=DROPOUT if options.dropout is None else options.dropout,
        target_modules=_targets(checkpoint, options),
        modules_to_save=list(backbone.heads(model)),
    )
    return get_peft_model(model, config, revision=params.revision)  # the revision to load the base again


def _targets(checkpoint: Checkpoint, params: LoraParams) -> list[str]:
    targets = []
    for prefix, encoder in backbone.encoders(checkpoint.model).items():
        kind = encoder.config.model_type
        linear = {name: name.rpartition(".")[2] for name, m in encoder.named_modules() if isinstance(m, nn.Linear)}
        names = params.target_modules or TARGETS.get(kind, [])
        unknown = [name for name in names if name not in linear.values()]
        if unknown or not names:
            raise UserError(
                f"train.lora.target_modules: the encoder ({kind}) has "
                + (f"no linear layer '{unknown[0]}'" if unknown else "no default target modules")
                + f"; set some of: {', '.join(dict.fromkeys(linear.values()))}"
            )
        targets += [
            f"{prefix}.{name}" for name, last in linear.items() if last in names and not name.startswith("pooler.")
        ]
    return targets


def merge(adapted: PeftModel, params: LoraParams, folder: Path) -> None:
    """Merges the adapters into the weights, in place; keep_adapter: also saves adapters and heads in folder/adapter."""
    if params.keep_adapter:
        adapted.save_pretrained(folder / "adapter")
    adapted.merge_and_unload()


def kept(folder: Path) -> dict[str, Tensor]:
    """Reads the weights in folder/adapter, without their base; returns {} if no adapter was saved.

    Raises:
        UserError: the weights or their configuration cannot be read.
    """
    adapter = folder / "adapter"
    if not adapter.is_dir():
        return {}
    from peft import PeftConfig
    from peft.utils import load_peft_weights

    with loading(adapter):
        PeftConfig.from_pretrained(str(adapter))
        return dict(load_peft_weights(str(adapter), device="cpu"))
