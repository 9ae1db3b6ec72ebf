"""Loading what transformers' Auto classes load, from the hub or a folder. An error is one clear line."""

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import constants
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from safetensors import SafetensorError
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from src.core.user_errors import UserError


def origin_of(trust_remote_code: bool, revision: str | None) -> dict[str, Any]:
    """Says which commit of a model the Auto classes are to load, and whether code of its own may run."""
    origin = {"trust_remote_code": trust_remote_code, "revision": revision}
    # code that lies in another repository has no such commit, and is refused; without one, its newest would run
    return origin | ({"code_revision": revision} if trust_remote_code else {})


def pretrained(auto_class: Any, source: str | Path, origin: Mapping[str, Any], **options: Any) -> Any:
    """Loads what an Auto class loads, of the hub or of a folder.

    Raises:
        UserError: it cannot be found or loaded.
    """
    with loading(source):
        return auto_class.from_pretrained(source, **origin, **options)


@contextmanager
def loading(source: str | Path) -> Iterator[None]:
    """Names what a library cannot load, and says why.

    Raises:
        UserError: it cannot be found or loaded.
    """
    try:
        yield
    except pickle.UnpicklingError as error:  # what torch says of it advises to load it nevertheless
        reason = "its weights are a pickle of other things than tensors, which could run code and is not read"
        raise UserError(f"the model in {source} cannot be loaded: {reason}; take one with safetensors") from error
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, EOFError, SafetensorError,
    ) as error:  # fmt: skip
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "custom code" in reason or "trust_remote_code" in reason:
            raise UserError(
                f"the model '{source}' runs code of its own; read it, then set train.trust_remote_code: true, or give "
                "--trust-remote-code to predict, represent, bench or check"
            ) from error
        if "valid git identifier" in reason and f"/{source}'" not in reason:
            raise UserError(
                f"the model '{source}' runs code that lies in another repository, of which train.revision names no "
                "commit; choose a model whose code lies beside its weights"
            ) from error
        if "backend tokenizer" in reason and not (Path(source) / "tokenizer.json").is_file() and Path(source).is_dir():
            raise UserError(f"{source} holds no tokenizer: there is no tokenizer.json; is the folder whole?") from error
        if Path(source).is_dir():
            raise UserError(f"the model in {source} cannot be loaded: {reason}; is the folder whole?") from error
        if not _may_be_on_the_hub(source):
            raise UserError(f"the model '{source}' cannot be loaded: there is no such folder") from error
        raise UserError(
            f"the model '{source}' cannot be loaded: {reason} Looked in {constants.HF_HUB_CACHE} (HF_HOME moves it) "
            f"and, unless HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is 1, on the hub. Check the name, or download it "
            f"where there is a network: hf download {source}"
        ) from error


def _may_be_on_the_hub(source: str | Path) -> bool:
    try:
        validate_repo_id(str(source))
    except HFValidationError:
        return False
    return True


def check_vocabulary(source: str | Path | None, tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> None:
    """Refuses a folder whose tokenizer is missing: transformers makes one of a few entries in its place.

    Raises:
        UserError: far fewer sub-words than embeddings.
    """
    rows = getattr(config, "vocab_size", None)
    if rows is not None and len(tokenizer) < rows / 2:
        raise UserError(f"{source} holds no tokenizer for its model: {len(tokenizer)} sub-words, {rows} embeddings")
