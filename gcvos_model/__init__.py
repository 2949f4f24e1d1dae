"""gcvos: fast, constant-memory video object segmentation with the Global Context module."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gcvos_model.checkpoints import load_model
    from gcvos_model.directions import propagate
    from gcvos_model.memory import ObjectMemory
    from gcvos_model.propagation import Propagator
    from gcvos_model.results import FrameResult

__version__ = "0.1.0"
__all__ = ["FrameResult", "ObjectMemory", "Propagator", "load_model", "propagate"]

_HOMES = {
    "FrameResult": "results",
    "ObjectMemory": "memory",
    "Propagator": "propagation",
    "load_model": "checkpoints",
    "propagate": "directions",
}


def __getattr__(name: str) -> Any:
    """Resolve the public names when they are first asked for, so that the import itself stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gcvos_model' has no attribute '{name}'")
    return getattr(import_module(f"gcvos_model.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
