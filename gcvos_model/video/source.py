"""What every source of frames can do."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import InputError

Frame: TypeAlias = npt.NDArray[np.uint8]

BACKWARD_BUFFER_BYTES = 256 * 2**20  # of frames held while a video is read backward
BACKWARD_BUFFER_FRAMES = 64


class FrameSource(ABC):
    """The frames of one clip: streamed, never all in memory, and numbered from 0 without gaps.

    Frames are uint8 RGB arrays (H, W, 3), upright (rotation and EXIF orientation are applied).

    Attributes:
        size: (H, W) of the first frame. A folder may hold frames of other sizes too.
        fps: frames per second; for a folder, which has none, 25.
        names: the file names of a folder's frames, in order; None for a video.
        frame_count: exact for a folder; for a video what its header says, which may be wrong, or None.
    """

    size: tuple[int, int]
    fps: float
    names: list[str] | None
    frame_count: int | None

    @abstractmethod
    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame]]:
        """Yield (index, frame) for start <= index < stop, ascending; to the end where `stop` is None.

        A range beyond the end is no error, it just ends early. Each call reads on its own, so several can run
        at once.

        Raises:
            InputError: a negative or reversed range.
            MediaError: decoding failed on the way, after every frame before has been yielded; says where.
        """

    @abstractmethod
    def frame(self, index: int) -> Frame:
        """Return one frame.

        Raises:
            MediaError: there is no such frame, or it cannot be decoded.
        """

    @abstractmethod
    def count_frames(self) -> int:
        """Return how many frames can be decoded: exact, but for a video the first call decodes all of it."""

    def frames_backward(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame]]:
        """Yield the frames of `frames(start, stop)` in descending order.

        A video is read forward in pieces, the last one first, so the memory needed does not grow with its
        length.
        """
        check_range(start, stop)
        end = self.count_frames() if stop is None else min(stop, self.count_frames())
        frame_bytes = self.size[0] * self.size[1] * 3
        piece = max(1, min(BACKWARD_BUFFER_FRAMES, BACKWARD_BUFFER_BYTES // frame_bytes))
        while end > start:
            first = max(start, end - piece)
            yield from reversed(list(self.frames(first, end)))
            end = first

    def close(self) -> None:  # noqa: B027
        """Let go of what the source holds open; the sources here hold nothing between calls."""

    def __enter__(self) -> "FrameSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_range(start: int, stop: int | None) -> None:
    """Refuse a range that cannot be meant.

    Raises:
        InputError: `start` is negative, or `stop` lies before it.
    """
    if start < 0 or (stop is not None and stop < start):
        raise InputError(f"frames {start} to {stop}: expected 0 <= start <= stop; frame numbers begin at 0")
