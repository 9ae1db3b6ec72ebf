"""A section of a YAML file as a typed, frozen object, and the error message if the file is not legal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from src.core.user_errors import UserError, unknown_name


class Section(BaseModel):
    """A mapping with a fixed set of typed keys. Its values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


S = TypeVar("S", bound=Section)


def parse(section: type[S], value: Any, source: Path) -> S:
    """Turns a mapping that was read from `source` into a section.

    Raises:
        UserError: names the source, the first invalid key, its value and the legal values.
    """
    try:
        return section.model_validate(value)
    except ValidationError as error:
        raise UserError(f"{source}: {_explain(section, error)}") from error
    except UnicodeEncodeError as error:
        raise UserError(f"{source}: {error.object[:80]!r} contains half of a surrogate pair; replace it") from error


def _explain(section: type[Section], error: ValidationError) -> str:
    # A misspelt key is both unknown and missing. The unknown key is reported.
    first = min(error.errors(), key=lambda details: details["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"] if part not in ("list", "range"))
    if first["type"] == "extra_forbidden":
        parent = section
        for part in first["loc"][:-1]:
            field = parent.model_fields.get(str(part))
            parent = next(_sections_in(field.annotation), parent) if field else parent
        place = key.removesuffix(str(first["loc"][-1]))
        return str(unknown_name("key", key, [place + name for name in parent.model_fields]))
    if first["type"] == "missing":
        return f"key '{key}' is missing; add it"
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
        return f"{key}: {message}" if len(first["loc"]) > 1 else message
    if first["type"] == "model_type":
        return f"{key or 'the file'}: a mapping of keys is expected, not {first['input']!r}"
    return f"{key or 'the file'}: {first['msg']}, not {first['input']!r}"


def _sections_in(annotation: Any) -> Iterator[type[Section]]:
    """Yields the sections that a type mentions: LabelWords for `LabelWords | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from _sections_in(part)
