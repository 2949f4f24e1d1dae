"""gcvos in FiftyOne: carry annotations through videos. See README.md."""

from typing import Any

from .propagate_operator import PropagateAnnotations, PropagateShard


def register(plugin: Any) -> None:
    """Register the operators, as FiftyOne asks of a plugin."""
    for operator in (PropagateAnnotations, PropagateShard):
        plugin.register(operator)
