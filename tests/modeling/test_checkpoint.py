"""pytest tests/modeling/test_checkpoint.py"""

import pytest
from src.modeling import checkpoint
from src.modeling.encoders import Encoder
from src.modeling.predict import predict
from src import tasks
from tests.modeling.conftest import ARCHITECTURES


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("task", ["cls", "span", "cls+span"])
def test_smoke(architecture, task, local_models, splits, tmp_path):
    labels = tasks.label_sets(tasks.parse(task), splits["train"], ["Literal", "Figurative"])
    made = checkpoint.create(
        Encoder(str(local_models[architecture])), labels, 128, splits["train"], revision=None, trust_remote_code=False
    )
    before = predict(made, splits["test"], 4)
    made.save(tmp_path)
    after = predict(checkpoint.load(tmp_path), splits["test"], 16)
    for a, b in zip(before, after):
        assert a.predicted == b.predicted
