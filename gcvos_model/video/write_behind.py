"""Writing behind the producer."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

Call = tuple[Callable[..., object], tuple[Any, ...]]


class WriteBehind:
    """Makes calls in a thread, in order, up to `size` of them behind the one who asks for them.

    Use it as a context manager: at the end of the block, also after an exception in it, all calls have been made. Once
    a call has raised, those after it are not made, and the exception is raised to the one who asks for the next
    call, or at the end of the block if nothing else is raised there.

    Args:
        size: how many calls may wait; each may hold a whole frame.
    """

    def __init__(self, size: int = 4) -> None:
        self._waiting: queue.Queue[Call | None] = queue.Queue(max(1, size))
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="write-behind", daemon=True)
        self._thread.start()

    def put(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have a function called; waits while too many calls wait.

        Raises:
            BaseException: what an earlier call raised.
        """
        if self._error is not None:
            raise self._error
        self._waiting.put((function, arguments))

    def close(self) -> None:
        """Wait until all calls have been made.

        Raises:
            BaseException: what one of them raised.
        """
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (call := self._waiting.get()) is not None:
            if self._error is not None:
                continue  # what waits is taken out, so that nobody waits for room
            function, arguments = call
            try:
                function(*arguments)
            except BaseException as error:  # whatever it is, it is the producer's
                self._error = error

    def __enter__(self) -> "WriteBehind":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            with suppress(BaseException):  # the block's own exception goes on
                self.close()
