"""A checkpoint as an ONNX file, which runs in ONNX Runtime, on the CPU, wherever `predict` expects a model.

`save` needs packages that nothing else here does; `load` needs onnxruntime alone.
"""

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from transformers import AutoTokenizer

from src.core.files import read_json, write_json
from src.core.user_errors import UserError
from src.models.checkpoint import Checkpoint
from src.models.loading import pretrained
from src.models.verbalizer import Verbalizer

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
FILE = "model.onnx"  # weights may lie beside it, in FILE.data


class Session(torch.nn.Module):
    """ONNX Runtime in the place of a model.

    Shape: inputs (B, T); each value like the logits of its task.
    """

    device = torch.device("cpu")
    dtype = torch.float32

    def __init__(self, file: Path) -> None:
        import onnxruntime

        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._outputs = [one.name for one in self._session.get_outputs()]

    def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        found = self._session.run(self._outputs, {name: inputs[name].numpy() for name in self._inputs})
        return {name: torch.from_numpy(values) for name, values in zip(self._outputs, found, strict=True)}


class _Positional(torch.nn.Module):
    """Takes the inputs of a checkpoint's model, and gives the logits of its tasks, one by one."""

    def __init__(self, checkpoint: Checkpoint, names: list[str]) -> None:
        super().__init__()
        self.model = checkpoint.model
        self._checkpoint = checkpoint
        self._names = names

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self._checkpoint.logits(dict(zip(self._names, inputs, strict=True))).values())


def save(checkpoint: Checkpoint, folder: Path, *, int8: bool = False) -> None:
    """Writes all that `load` reads.

    Args:
        checkpoint: in fp32, on the CPU.
        int8: weights as int8; what they are multiplied with is rounded to int8, too, as it comes.

    Raises:
        UserError: a package is missing, or the model has no such form.
    """
    if any(find_spec(name) is None for name in PACKAGES):
        raise UserError(f"it needs packages that are not installed: pip install {' '.join(PACKAGES)}")
    if isinstance(checkpoint.model, Verbalizer):
        raise UserError("a model of mode zero_shot puts its prompt into each text by itself: no form for ONNX")
    if int8:
        with TemporaryDirectory() as exported:
            _export(checkpoint, Path(exported) / FILE)
            _quantize(Path(exported) / FILE, folder / FILE)
    else:
        _export(checkpoint, folder / FILE)
    checkpoint.tokenizer.save_pretrained(folder)
    kept = {"labels": dict(checkpoint.labels), "max_length": checkpoint.max_length, "settings": checkpoint.settings}
    write_json(folder / "checkpoint.json", kept)


def _export(checkpoint: Checkpoint, file: Path) -> None:
    inputs = checkpoint.tokenizer(["a", "a a"], padding=True, return_tensors="pt")  # a size of 1 would stay 1
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("sub_words", max=checkpoint.max_length)}
    try:
        torch.onnx.export(
            _Positional(checkpoint, list(inputs)).eval(), tuple(inputs.values()), file, input_names=list(inputs),
            output_names=list(checkpoint.labels), dynamic_shapes=((axes,) * len(inputs),), verbose=False,
        )  # fmt: skip
    except torch.onnx.OnnxExporterError as error:
        cause = error.__cause__ or error
        reason = (str(cause).splitlines() or [type(cause).__name__])[0]
        raise UserError(f"torch.onnx cannot convert {type(checkpoint.model).__name__}: {reason}") from error


def _quantize(fp32: Path, int8: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(fp32)
    del model.graph.value_info[:]  # the shape of a weight there is wrong as soon as quantize_dynamic transposes it
    quantize_dynamic(model, int8, weight_type=QuantType.QInt8)


def load(folder: Path, *, trust_remote_code: bool = False) -> Checkpoint:
    """Loads what `save` wrote.

    Args:
        trust_remote_code: let the tokenizer run code of its own.
    """
    tokenizer = pretrained(AutoTokenizer, folder, {"trust_remote_code": trust_remote_code})
    return Checkpoint(Session(folder / FILE), tokenizer, **read_json(folder / "checkpoint.json"))


def size(folder: Path) -> int:
    """Returns the bytes of what `save` wrote of the model."""
    return sum(file.stat().st_size for file in folder.glob(f"{FILE}*"))
