"""A checkpoint as an ONNX file. ONNX Runtime runs it on the CPU; `predict` accepts it like any other model.

`save` needs the optional packages PACKAGES; `load` needs only onnxruntime.
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
FILE = "model.onnx"  # large weights are stored in FILE.data


class Session(torch.nn.Module):
    """An ONNX Runtime session with the interface of a torch model.

    Shape: inputs (B, T); outputs: the shape of each task's logits.
    """

    device = torch.device("cpu")
    dtype = torch.float32

    def __init__(self, file: Path) -> None:
        import onnxruntime

        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._inputs = [node.name for node in self._session.get_inputs()]
        self._outputs = [node.name for node in self._session.get_outputs()]

    def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self._session.run(self._outputs, {name: inputs[name].numpy() for name in self._inputs})
        return {name: torch.from_numpy(values) for name, values in zip(self._outputs, logits, strict=True)}


class _Positional(torch.nn.Module):
    """A checkpoint's model with positional inputs and a tuple of logits, one per task."""

    def __init__(self, checkpoint: Checkpoint, names: list[str]) -> None:
        super().__init__()
        self.model = checkpoint.model
        self._checkpoint = checkpoint
        self._names = names

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self._checkpoint.logits(dict(zip(self._names, inputs, strict=True))).values())


def save(checkpoint: Checkpoint, folder: Path, *, int8: bool = False) -> None:
    """Writes all files that `load` reads.

    Args:
        checkpoint: in fp32, on the CPU.
        int8: quantize the weights to int8, and the activations dynamically.

    Raises:
        UserError: a package is missing, or the model cannot be converted.
    """
    if any(find_spec(name) is None for name in PACKAGES):
        raise UserError(f"it needs packages that are not installed: pip install {' '.join(PACKAGES)}")
    if isinstance(checkpoint.model, Verbalizer):
        raise UserError("a model of mode zero_shot adds its prompt to each text itself, so ONNX cannot represent it")
    if int8:
        with TemporaryDirectory() as exported:
            _export(checkpoint, Path(exported) / FILE)
            _quantize(Path(exported) / FILE, folder / FILE)
    else:
        _export(checkpoint, folder / FILE)
    checkpoint.tokenizer.save_pretrained(folder)
    settings = {"labels": dict(checkpoint.labels), "max_length": checkpoint.max_length, "settings": checkpoint.settings}
    write_json(folder / "checkpoint.json", settings)


def _export(checkpoint: Checkpoint, file: Path) -> None:
    inputs = checkpoint.tokenizer(["a", "a a"], padding=True, return_tensors="pt")  # an axis of size 1 would be fixed
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
    del model.graph.value_info[:]  # quantize_dynamic transposes weights, but not the shapes here
    quantize_dynamic(model, int8, weight_type=QuantType.QInt8)


def load(folder: Path, *, trust_remote_code: bool = False) -> Checkpoint:
    """Loads the files that `save` wrote.

    Args:
        trust_remote_code: let the tokenizer run its own code.
    """
    tokenizer = pretrained(AutoTokenizer, folder, {"trust_remote_code": trust_remote_code})
    return Checkpoint(Session(folder / FILE), tokenizer, **read_json(folder / "checkpoint.json"))


def size(folder: Path) -> int:
    """Returns the size of the model's files in bytes."""
    return sum(file.stat().st_size for file in folder.glob(f"{FILE}*"))
