"""Results that are still on their way."""

import threading
from collections.abc import Callable
from typing import Any

from gcvos_model.results import FrameResult


class PendingResult(FrameResult):
    """A frame's result that is still on its way from the device.

    Whoever first looks at `labels`, `coarse` or `objects`, in whichever thread, waits for all three.
    """

    _arrive: Callable[[], dict[str, Any]] | None
    _lock: threading.Lock

    def __init__(
        self,
        index: int,
        ids: tuple[int, ...],
        working_size: tuple[int, int],
        arrive: Callable[[], dict[str, Any]],
    ) -> None:
        vars(self).update(index=index, ids=ids, working_size=working_size)  # the class is frozen
        vars(self).update(_arrive=arrive, _lock=threading.Lock())

    def wait(self) -> None:
        """Return when all is there."""
        with self._lock:
            if self._arrive is not None:
                vars(self).update(self._arrive(), _arrive=None)

    def __getattr__(self, name: str) -> Any:
        """Called for what is not there yet."""
        if name not in ("labels", "coarse", "objects"):
            raise AttributeError(name)
        self.wait()
        return vars(self)[name]

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies, in other processes too, are plain results."""
        fields = (self.index, self.labels, self.ids, self.coarse, self.working_size, self.objects)
        return FrameResult, fields
