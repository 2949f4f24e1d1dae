"""Decoded images kept in memory, up to a number of bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.uint8]


class ArrayCache:
    """Arrays by key; when there is no room, those that were used longest ago go first."""

    def __init__(self, room: int) -> None:
        self.room = room  # bytes
        self.used = 0
        self.kept: OrderedDict[Hashable, Array] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Array]) -> Array:
        """The array of `key`, made where it is not kept; do not write into it."""
        array = self.kept.get(key)
        if array is not None:
            self.kept.move_to_end(key)
            return array
        array = make()
        array.flags.writeable = False
        self.kept[key] = array
        self.used += array.nbytes
        while self.used > self.room and self.kept:
            self.used -= self.kept.popitem(last=False)[1].nbytes
        return array
