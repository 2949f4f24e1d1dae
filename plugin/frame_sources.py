"""Frames in the two forms that the core does not know: images at any paths, and some frames of a video."""

from collections.abc import Iterator
from pathlib import Path

from gcvos_model.errors import MediaError
from gcvos_model.video import Frame, FrameSource
from gcvos_model.video.image_folder import read_image


class ImageSeries(FrameSource):
    """Images at any paths, in the order given, as one clip."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        """Read the size of the first image.

        Raises:
            MediaError: the first image cannot be read.
        """
        self.paths = paths
        self.names = [Path(path).name for path in paths]
        self.frame_count = len(paths)
        self.fps = 25.0  # images carry no frame rate
        height, width = read_image(paths[0]).shape[:2]
        self.size = height, width

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame]]:
        """See `FrameSource.frames`."""
        return ((index, self.frame(index)) for index in range(len(self.paths))[start:stop])

    def frames_backward(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame]]:
        """See `FrameSource.frames_backward`."""
        return ((index, self.frame(index)) for index in reversed(range(len(self.paths))[start:stop]))

    def frame(self, index: int) -> Frame:
        """See `FrameSource.frame`."""
        if not 0 <= index < len(self.paths):
            raise MediaError(
                f"there is no frame {index}: the series has the frames 0 to {len(self.paths) - 1}"
            )
        return read_image(self.paths[index])

    def count_frames(self) -> int:
        """See `FrameSource.count_frames`."""
        return len(self.paths)


class SampledFrames(FrameSource):
    """Some frames of a video, numbered from 0 without gaps: frame `i` is the video's frame `indices[i]`."""

    def __init__(self, source: FrameSource, indices: tuple[int, ...]) -> None:
        self.source, self.indices = source, indices
        self.size, self.fps, self.names = source.size, source.fps, None
        self.frame_count = len(indices)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame]]:
        """See `FrameSource.frames`."""
        chosen = {self.indices[place]: place for place in range(len(self.indices))[start:stop]}
        if not chosen:
            return
        for index, frame in self.source.frames(min(chosen), max(chosen) + 1):
            if index in chosen:
                yield chosen[index], frame

    def frame(self, index: int) -> Frame:
        """See `FrameSource.frame`."""
        return self.source.frame(self.indices[index])

    def count_frames(self) -> int:
        """See `FrameSource.count_frames`."""
        return len(self.indices)
