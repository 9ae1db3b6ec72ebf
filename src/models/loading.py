"""Loads models and tokenizers from the hub or a folder with the Auto classes of transformers. Errors are one line."""

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
    """Returns the arguments of the Auto classes for the commit of a model and for its own code."""
    origin = {"trust_remote_code": trust_remote_code, "revision": revision}
    # code_revision: without it, code from another repository would run in its newest version; with it, it is refused
    return origin | ({"code_revision": revision} if trust_remote_code else {})


def pretrained(auto_class: Any, source: str | Path, origin: Mapping[str, Any], **options: Any) -> Any:
    """Loads an object with an Auto class.

    Raises:
        UserError: the source cannot be found or loaded.
    """
    with loading(source):
        return auto_class.from_pretrained(source, **origin, **options)


@contextmanager
def loading(source: str | Path) -> Iterator[None]:
    """Turns errors of the libraries into a UserError that names the source and the reason.

    Raises:
        UserError: the source cannot be found or loaded.
    """
    try:
        yield
    except pickle.UnpicklingError as error:  # the message of torch advises to load it anyway
        reason = "its weights are a pickle with objects that are not tensors, which could run code"
        raise UserError(f"the model in {source} cannot be loaded: {reason}; use a model with safetensors") from error
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, EOFError, SafetensorError,
    ) as error:  # fmt: skip
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "custom code" in reason or "trust_remote_code" in reason:
            raise UserError(
                f"the model '{source}' runs its own code; read the code, then set train.trust_remote_code: true, or "
                "give --trust-remote-code to predict, represent, bench or check"
            ) from error
        if "valid git identifier" in reason and f"/{source}'" not in reason:
            raise UserError(
                f"the model '{source}' runs code from another repository, which does not have the commit in "
                "train.revision; choose a model whose code and weights are in the same repository"
            ) from error
        if "backend tokenizer" in reason and not (Path(source) / "tokenizer.json").is_file() and Path(source).is_dir():
            raise UserError(f"{source} contains no tokenizer: tokenizer.json is missing") from error
        if Path(source).is_dir():
            raise UserError(f"the model in {source} cannot be loaded: {reason}; check that it is complete") from error
        if not _may_be_on_the_hub(source):
            raise UserError(
                f"the model '{source}' cannot be loaded: the folder does not exist; check the path"
            ) from error
        raise UserError(
            f"the model '{source}' cannot be loaded: {reason} Searched {constants.HF_HUB_CACHE} (set by HF_HOME) "
            f"and, unless HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is 1, the hub. Check the name, or download the model "
            f"with a network connection: hf download {source}"
        ) from error


def _may_be_on_the_hub(source: str | Path) -> bool:
    try:
        validate_repo_id(str(source))
    except HFValidationError:
        return False
    return True


def check_vocabulary(source: str | Path | None, tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> None:
    """Checks that the tokenizer was saved. If it is missing, transformers creates a tokenizer with a few sub-words.

    Raises:
        UserError: the tokenizer has far fewer sub-words than the model has embeddings.
    """
    rows = getattr(config, "vocab_size", None)
    if rows is not None and len(tokenizer) < rows / 2:
        raise UserError(
            f"{source} contains no tokenizer of its model: {len(tokenizer)} sub-words, but {rows} embeddings; check "
            "that the folder is complete"
        )
