"""What all parts of a suite file share."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

__all__ = ["Part", "Scalar", "Strict"]

Scalar = str | int | float | bool


class Part(BaseModel):
    """Never changes, and refuses numbers that are none; what becomes of other keys is not said."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _yes_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse `true` for a number: YAML writes it as `yes` and `on`, and it would count as 1."""
        wanted = cls.model_fields[info.field_name or ""].annotation
        held = value.values() if isinstance(value, dict) else (value,)
        if any(isinstance(v, bool) for v in held) and _numbers_alone(wanted):
            raise ValueError("true and false are no numbers")
        return value


class Strict(Part):
    """Refuses keys it does not know, too."""

    model_config = ConfigDict(extra="forbid")


def _numbers_alone(annotation: Any) -> bool:
    """Return whether a type takes numbers and no booleans, itself or as the values of a mapping."""
    parts = set(_parts(annotation))
    return not parts.isdisjoint({int, float}) and parts.isdisjoint({bool, object, Any})


def _parts(annotation: Any) -> list[Any]:
    inner = get_args(annotation)
    if get_origin(annotation) is dict:
        inner = inner[1:]
    return [part for one in inner for part in _parts(one)] if inner else [annotation]
