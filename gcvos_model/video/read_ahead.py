"""Decoding ahead of the consumer."""

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def read_ahead(items: Iterable[Item], size: int = 4) -> Iterator[Item]:
    """Yield the items of an iterable, which a thread fetches up to `size` ahead of the consumer.

    An exception of the iterable is raised here after the items before it. When the consumer leaves early
    (breaks off, raises, closes the generator), the thread ends after the item it is at, and a generator is
    closed in it.

    Args:
        items: what to fetch; from now on it belongs to the thread.
        size: how many fetched items may wait; each may be a whole frame.
    """
    waiting: queue.Queue[Item | _End] = queue.Queue(max(1, size))
    leaving = threading.Event()

    def fetch() -> None:
        error: BaseException | None = None
        try:
            with contextlib.closing(_generator(items)) as generator:
                for item in generator:
                    waiting.put(item)
                    if leaving.is_set():
                        return
        except BaseException as caught:  # whatever it is, it is the consumer's
            error = caught
        waiting.put(_End(error))

    thread = threading.Thread(target=fetch, name="read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        leaving.set()
        while thread.is_alive():
            with contextlib.suppress(queue.Empty):
                waiting.get(timeout=0.01)  # it may be waiting for room
        thread.join()


def _generator(items: Iterable[Item]) -> Generator[Item, None, None]:
    """Make a generator of any iterable: closing it closes the iterable, if that is a generator too."""
    yield from items
