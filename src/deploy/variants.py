"""The deployment variants of a saved model. Each is loaded from a folder and runs through `predict`.

Importing this module does not import torch: `python -m src bench --help` lists the variants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from src.core.user_errors import UserError

if TYPE_CHECKING:
    from peft import PeftModel

    from src.models.checkpoint import Checkpoint

ADAPTERS = 3  # the variant `adapters` loads one adapter several times: speed does not depend on the weights


@dataclass(frozen=True)
class Deployed:
    """A model that is ready for requests.

    Attributes:
        before: a call before each prediction; receives the number of the request.
        file_size: size of the model's files in bytes, if the model is not a torch model.
    """

    checkpoint: Checkpoint
    before: Callable[[int], None] = lambda number: None
    file_size: int | None = None

    @property
    def size_mib(self) -> float:
        """Size of all weights in memory; if the model is not a torch model, size of its files."""
        if self.file_size is not None:
            return self.file_size / 2**20
        weights = [*self.checkpoint.model.parameters(), *self.checkpoint.model.buffers()]
        return sum(weight.numel() * weight.element_size() for weight in weights) / 2**20


def convert(name: str, folder: Path, out: Path, *, trust_remote_code: bool = False) -> None:
    """Writes the files of a variant in CONVERTED.

    Raises:
        UserError: there is no model, or the model does not have this variant.
    """
    saved = _saved(folder, trust_remote_code, "fp32").checkpoint
    saved.to("cpu")
    CONVERTED[name](saved, out)


def load(name: str, folder: Path, *, trust_remote_code: bool = False) -> Deployed:
    """Loads a variant onto the device.

    Args:
        folder: folder of the saved model; for a variant in CONVERTED, the folder that `convert` wrote.

    Raises:
        UserError: there is no model, or the model does not have this variant.
    """
    from src.models import hardware

    deployed = VARIANTS[name](folder, trust_remote_code)
    deployed.checkpoint.to(hardware.device().type)
    deployed.checkpoint.model.eval()
    return deployed


def _saved(folder: Path, trust_remote_code: bool, precision: str) -> Deployed:
    """The full model; adapters, if any, are merged into its weights."""
    from src.models.checkpoint import load_checkpoint

    loaded = load_checkpoint(folder, trust_remote_code=trust_remote_code)
    return Deployed(replace(loaded, precision=precision))


def _adapter(folder: Path, trust_remote_code: bool) -> Deployed:
    """The base model with an unmerged adapter."""
    return Deployed(_adapted(folder, trust_remote_code)[0])


def _merged(folder: Path, trust_remote_code: bool) -> Deployed:
    """The base model with an adapter that is merged at load time."""
    loaded, adapted = _adapted(folder, trust_remote_code)
    adapted.merge_and_unload()
    return Deployed(loaded)


def _adapters(folder: Path, trust_remote_code: bool) -> Deployed:
    """The base model with several adapters; each request selects an adapter."""
    loaded, adapted = _adapted(folder, trust_remote_code)
    names = ["default", *(str(number) for number in range(1, ADAPTERS))]
    for name in names[1:]:
        adapted.load_adapter(str(folder / "adapter"), adapter_name=name)
    return Deployed(loaded, lambda number: adapted.set_adapter(names[number % ADAPTERS]))


def _adapted(folder: Path, trust_remote_code: bool) -> tuple[Checkpoint, PeftModel]:
    if not (folder / "adapter").is_dir():
        raise UserError("it has no separate adapter: train.mode: lora with train.lora.keep_adapter: true saves one")
    from peft import PeftConfig, PeftModel

    from src.models.checkpoint import load_checkpoint
    from src.models.loading import loading, pretrained

    adapter = pretrained(PeftConfig, str(folder / "adapter"), {})
    base = adapter.base_model_name_or_path
    if not base:
        raise UserError("its adapter names no base model; the adapter of a joint model can only be used merged")
    loaded = load_checkpoint(folder, trust_remote_code=trust_remote_code, weights=base, revision=adapter.revision)
    with loading(folder / "adapter"):
        adapted = PeftModel.from_pretrained(loaded.model, str(folder / "adapter"))
    return replace(loaded, precision="fp32"), adapted


def _session(folder: Path, trust_remote_code: bool) -> Deployed:
    """ONNX Runtime with the converted model."""
    from src.deploy import onnx

    return Deployed(onnx.load(folder, trust_remote_code=trust_remote_code), file_size=onnx.size(folder))


VARIANTS: dict[str, Callable[[Path, bool], Deployed]] = {
    "fp32": partial(_saved, precision="fp32"),
    "bf16": partial(_saved, precision="bf16"),
    "merged": _merged,
    "adapter": _adapter,
    "adapters": _adapters,
    "onnx": _session,
    "onnx_int8": _session,
}


def _save_onnx(saved: Checkpoint, out: Path, int8: bool) -> None:
    from src.deploy import onnx

    onnx.save(saved, out, int8=int8)


CONVERTED: dict[str, Callable[[Checkpoint, Path], None]] = {
    "onnx": partial(_save_onnx, int8=False),
    "onnx_int8": partial(_save_onnx, int8=True),
}
