"""A source of which only every n-th frame is looked at."""

from collections.abc import Iterator

from .source import Frame, FrameSource


class EveryNth(FrameSource):
    """Frames `start`, `start + n`, `start + 2 n`, ... of another source, under their own numbers.

    Args:
        source: the other one.
        n: the step, at least 1.
        start: the first frame.
    """

    def __init__(self, source: FrameSource, n: int, start: int = 0) -> None:
        self.source, self.n, self.first = source, n, start
        self.size, self.fps = source.size, source.fps / n
        self.names, self.frame_count = source.names, source.frame_count

    def has(self, index: int) -> bool:
        """Whether that frame is one of them."""
        return index >= self.first and (index - self.first) % self.n == 0

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame]]:
        """See `FrameSource.frames`; frames in between are left out."""
        return ((index, frame) for index, frame in self.source.frames(start, stop) if self.has(index))

    def frames_backward(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame]]:
        """See `FrameSource.frames_backward`; frames in between are left out."""
        return (
            (index, frame) for index, frame in self.source.frames_backward(start, stop) if self.has(index)
        )

    def frame(self, index: int) -> Frame:
        """See `FrameSource.frame`."""
        return self.source.frame(index)

    def count_frames(self) -> int:
        """The other source's count: numbers are its own."""
        return self.source.count_frames()
