"""Mode `lora`: low-rank adapters learn beside the weights of the encoder, and are added to them before saving.

peft is imported only where there are adapters: it takes seconds.
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
    """Puts adapters into the model of a checkpoint, in place; these and the heads alone will learn.

    Raises:
        UserError: the encoder has no layers of the names that are to be adapted, or nobody has named any; an adapter
            is to be kept whose base could not be loaded again.
    """
    from peft import LoraConfig, get_peft_model

    model, wanted = checkpoint.model, params.lora
    if wanted.keep_adapter and not backbone.encoders(model)[model.base_model_prefix].name_or_path:
        raise UserError(
            "train.lora.keep_adapter: true: an adapter is of no use without its base, and the weights of this encoder "
            "are made anew in each run; set false, or another model"
        )
    r = wanted.r or R
    config = LoraConfig(
        r=r,
        lora_alpha=wanted.alpha or 2 * r,
        lora_dropout=DROPOUT if wanted.dropout is None else wanted.dropout,
        target_modules=_targets(checkpoint, wanted),
        modules_to_save=list(backbone.heads(model)),
    )
    return get_peft_model(model, config, revision=params.revision)  # of the base, if it is loaded anew


def _targets(checkpoint: Checkpoint, params: LoraParams) -> list[str]:
    found = []
    for prefix, encoder in backbone.encoders(checkpoint.model).items():
        kind = encoder.config.model_type
        linear = {name: name.rpartition(".")[2] for name, m in encoder.named_modules() if isinstance(m, nn.Linear)}
        wanted = params.target_modules or TARGETS.get(kind, [])
        unknown = [name for name in wanted if name not in linear.values()]
        if unknown or not wanted:
            raise UserError(
                f"train.lora.target_modules: the encoder ({kind}) has "
                + (f"no linear layer '{unknown[0]}'" if unknown else "no layers that are adapted unless they are named")
                + f"; name some of: {', '.join(dict.fromkeys(linear.values()))}"
            )
        found += [
            f"{prefix}.{name}" for name, last in linear.items() if last in wanted and not name.startswith("pooler.")
        ]
    return found


def merge(adapted: PeftModel, params: LoraParams, folder: Path) -> None:
    """Adds the adapters to the weights, in place; with keep_adapter, folder/adapter has them and the heads as well."""
    if params.keep_adapter:
        adapted.save_pretrained(folder / "adapter")
    adapted.merge_and_unload()


def kept(folder: Path) -> dict[str, Tensor]:
    """Reads the weights in folder/adapter, without their base; none where no adapter was kept.

    Raises:
        UserError: they, or their configuration, cannot be read.
    """
    adapter = folder / "adapter"
    if not adapter.is_dir():
        return {}
    from peft import PeftConfig
    from peft.utils import load_peft_weights

    with loading(adapter):
        PeftConfig.from_pretrained(str(adapter))
        return dict(load_peft_weights(str(adapter), device="cpu"))
