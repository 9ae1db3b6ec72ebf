"""Single requests with ONNX Runtime, as fp32 and as int8, beside ours: in one process, in turns, after a warm-up.

    pip install onnx onnxruntime
    python -m benchmarks.onnx --requests 100

The model is of BERT-base's size with random weights. Times are of the model alone, without tokenising and decoding.
"""

import argparse
import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks import common
from src.modeling.batches import encode
from src.modeling.latency import seconds

INPUTS = ("input_ids", "attention_mask")
Request = Callable[[torch.Tensor], np.ndarray]  # (1, T) to (1, L)


class _Plain(torch.nn.Module):
    """Takes and gives tensors, as the exporter wants it."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=100, help="of each way")
    arguments = parser.parse_args()

    rows = common.sentences()
    made = common.base_sized(rows, common.params(device="cpu"))
    encoded = encode(made, rows[:: max(1, len(rows) // arguments.requests)][: arguments.requests])
    texts = [torch.tensor([window.inputs["input_ids"]]) for windows in encoded.windows for window in windows]
    with tempfile.TemporaryDirectory() as folder:
        ways = _ways(made.model.eval(), Path(folder))
    times: dict[str, list[float]] = {name: [] for name in ways}
    farthest = dict.fromkeys(ways, 0.0)
    for number, text in enumerate([*texts[:10], *texts]):
        reference = ways["torch fp32"](text)
        for name, way in ways.items():
            taken = seconds(lambda way=way, text=text: way(text))  # type: ignore[misc]  # called at once
            if number >= 10:  # the first ones are the warm-up
                times[name].append(1000 * taken)
                farthest[name] = max(farthest[name], float(np.abs(way(text) - reference).max()))
    print(f"{common.load()}\n\n| | median ms | p95 ms | max difference |\n|---|---|---|---|")
    for name, found in times.items():
        print(f"| {name} | {median(found):.1f} | {np.percentile(found, 95):.1f} | {farthest[name]:.1e} |")


def _ways(model: torch.nn.Module, folder: Path) -> dict[str, Request]:
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    example = torch.ones(1, 8, dtype=torch.long)
    axes = {name: {0: "batch", 1: "sub_words"} for name in INPUTS}
    fp32, int8 = str(folder / "fp32.onnx"), str(folder / "int8.onnx")
    torch.onnx.export(
        _Plain(model), (example, example), fp32, input_names=list(INPUTS), output_names=["logits"], dynamic_axes=axes,
        dynamo=False,
    )  # fmt: skip
    quantize_dynamic(fp32, int8, weight_type=QuantType.QInt8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()

    @torch.inference_mode()
    def ours(text: torch.Tensor, which: torch.nn.Module) -> np.ndarray:
        return which(text, torch.ones_like(text)).float().numpy()

    def theirs(text: torch.Tensor, session: onnxruntime.InferenceSession) -> np.ndarray:
        return session.run(None, dict(zip(INPUTS, (text.numpy(), np.ones(text.shape, np.int64)), strict=True)))[0]

    plain = _Plain(model).eval()  # anew: the exporter leaves it as in training
    half = copy.deepcopy(plain).to(torch.bfloat16)
    sessions = [onnxruntime.InferenceSession(path, options) for path in (fp32, int8)]
    return {
        "torch fp32": lambda text: ours(text, plain),
        "torch bf16": lambda text: ours(text, half),
        "ONNX Runtime fp32": lambda text: theirs(text, sessions[0]),
        "ONNX Runtime int8": lambda text: theirs(text, sessions[1]),
    }


if __name__ == "__main__":
    main()
