"""best.yaml: the parameters of `train` that the hpo stage overrides, and the mode that chose them.

The file always has two keys. If it were empty, DVC would not use its run-cache for the train stage.
"""

from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from src.core.config import HpoMode
from src.core.files import read_yaml, write_yaml
from src.core.section import Section
from src.core.user_errors import UserError


class Best(Section):
    """The content of best.yaml."""

    mode: HpoMode
    overrides: dict[str, Any]


def write(path: Path, mode: HpoMode, overrides: dict[str, Any], remark: str | None = None) -> None:
    """Writes the file. If train uses params.yaml without changes, `overrides` is {}."""
    write_yaml(path, Best(mode=mode, overrides=overrides).model_dump(), remark)


def read(path: Path) -> Best:
    """Reads the file. The keys of `overrides` are checked by `TrainParams.overridden`.

    Raises:
        UserError: the file is missing, or does not have exactly these two keys.
    """
    value = read_yaml(path)
    try:
        return Best.model_validate(value)
    except ValidationError as error:
        raise UserError(
            f"{path} must have two keys, mode ({', '.join(get_args(HpoMode))}) and overrides (a mapping of keys of "
            f"train, or {{}}), but it contains {value!r:.100}; write it again with: dvc repro hpo"
        ) from error
