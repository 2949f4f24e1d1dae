"""gcvos in FiftyOne: carry annotations through videos; also a model source for FiftyOne's zoo. See README.md."""

from typing import Any

from .clear import ClearPropagation
from .propagate_operator import PropagateAnnotations, PropagateShard
from .review import ReviewPanel, ReviewPropagation
from .zoo import download_model, load_model, parse_parameters, resolve_input

__all__ = ["download_model", "load_model", "parse_parameters", "register", "resolve_input"]


def register(plugin: Any) -> None:
    """Register the operators and the panel, as FiftyOne asks of a plugin."""
    for operator in (PropagateAnnotations, PropagateShard, ClearPropagation, ReviewPropagation, ReviewPanel):
        plugin.register(operator)
