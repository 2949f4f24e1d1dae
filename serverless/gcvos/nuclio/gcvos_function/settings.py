"""The function's settings: read once from the environment, checked, and frozen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from gcvos_model.errors import InputError

LOG_LEVELS = ("debug", "info", "warn", "error")


def _setting(default: Any, meaning: str, **limits: Any) -> Any:
    return field(default=default, metadata={"meaning": meaning, **limits})


@dataclass(frozen=True)
class Settings:
    """All settings; each is read from `GCVOS_` + its name in capitals (a table in `serverless/README.md`)."""

    model: str = _setting("gcvos-lite", "name of a model, or path of a .safetensors file in the container")
    device: str = _setting("auto", "auto, cpu or cuda")
    precision: str = _setting("auto", "auto, int8, float32, bfloat16 or float16")
    short_side: int = _setting(
        480, "working resolution: the image's short side in pixels", least=16, most=4320
    )
    threads: int = _setting(0, "threads of PyTorch and OpenCV; 0 leaves it to them", least=0, most=1024)
    max_objects: int = _setting(
        100, "most objects in one request; more are refused with 413", least=1, most=10_000
    )
    max_pixels: int = _setting(
        50_000_000, "most pixels of an image; more are refused with 413", least=1, most=10**9
    )
    polygon_vertices: int = _setting(200, "most vertices of a returned polygon", least=4, most=100_000)
    polygon_tolerance: float = _setting(
        1.0, "polygons may leave the contour by so many pixels", least=0.0, most=100.0
    )
    log_level: str = _setting("info", "debug (one line a request), info, warn or error", choices=LOG_LEVELS)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings.

        Raises:
            InputError: A value is not of its type, or out of its range; the message names variable and range.
        """
        values = {}
        for setting in fields(cls):
            name = f"GCVOS_{setting.name.upper()}"
            text = environment.get(name, "").strip()
            if text:
                values[setting.name] = _parse(name, text, type(setting.default), setting.metadata)
        return cls(**values)


def _parse(name: str, text: str, kind: type, limits: Mapping[str, Any]) -> Any:
    try:
        value = kind(text)
    except ValueError:
        raise InputError(f"{name} is {text!r}: expected {kind.__name__}") from None
    if "least" in limits and not limits["least"] <= value <= limits["most"]:
        raise InputError(f"{name} is {value}: expected {limits['least']} to {limits['most']}")
    if "choices" in limits and value not in limits["choices"]:
        raise InputError(f"{name} is {value!r}: expected one of {', '.join(limits['choices'])}")
    return value
