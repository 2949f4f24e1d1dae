"""A video file as a source of frames."""

from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from ..errors import MediaError
from .decoding import decode, frame_times, opened, reason
from .orientation import display_matrix, orient
from .source import Frame, FrameSource, check_range
from .truncation import missing_bytes

DEFAULT_FPS = 25.0
EARLIER_FRAMES = 300  # how much earlier a second seek begins; keyframes are seldom further apart


class VideoFile(FrameSource):
    """The first video stream of a file.

    Frame numbers are those of a plain sequential decode, whatever the header says of rate and count. A start
    in mid-video seeks to the keyframe before it where the frames' times allow to count them, and else decodes
    all that comes before.

    Attributes:
        path: the file.
    """

    def __init__(self, path: str | Path) -> None:
        """Open the file and decode its first frame.

        Raises:
            MediaError: absent, empty, not a video, or without a frame that can be decoded.
        """
        self.path = Path(path)
        if not self.path.is_file():
            raise MediaError(f"no such video: {path}; give the path of a video file or of a folder of images")
        if self.path.stat().st_size == 0:
            raise MediaError(f"{path} is empty (0 bytes); copy or export the video again")
        self._missing_bytes = missing_bytes(self.path)
        self._count: int | None = None
        self._times: list[int] | None = None
        self._times_read = False
        self.names = None
        with opened(self.path) as (container, stream):
            rate = stream.average_rate or stream.guessed_rate
            self.fps = float(rate) if rate else DEFAULT_FPS
            seconds = container.duration / av.time_base if container.duration else 0
            self.frame_count = stream.frames or round(seconds * self.fps) or None
        first = self._first_frame()
        self._matrix = display_matrix(first)
        blank = orient(np.zeros((first.height, first.width, 1), np.uint8), self._matrix)
        self.size = (blank.shape[0], blank.shape[1])

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame]]:
        """See `FrameSource.frames`.

        A file that was cut short raises MediaError at its end, unless `stop` comes before, if its container
        declares its length (MP4, Matroska, AVI; see `truncation.py`).
        """
        check_range(start, stop)
        return self._rgb_frames(start, stop)

    def frame(self, index: int) -> Frame:
        """See `FrameSource.frame`."""
        if index >= 0:
            for _, frame in self.frames(index, index + 1):
                return frame
        raise MediaError(
            f"there is no frame {index}: {self.path} has the frames 0 to {self.count_frames() - 1}"
        )

    def count_frames(self) -> int:
        """See `FrameSource.count_frames`. Frames after damage do not count."""
        if self._count is None:
            self._count = 0
            with suppress(MediaError), closing(self._numbered(0)) as numbered:
                for index, _ in numbered:
                    self._count = index + 1
            self.frame_count = self._count
        return self._count

    def _rgb_frames(self, start: int, stop: int | None) -> Iterator[tuple[int, Frame]]:
        reformatter = VideoReformatter()  # one for all frames: it keeps its tables
        with closing(self._numbered(start)) as numbered:
            for index, frame in numbered if stop is None else islice(numbered, stop - start):
                rgb = np.asarray(reformatter.reformat(frame, format="rgb24").to_ndarray(), np.uint8)
                yield index, orient(rgb, self._matrix)

    def _numbered(self, start: int) -> Generator[tuple[int, VideoFrame], None, None]:
        """Yield (index, decoded frame) from `start` to the end, then say if that came too early."""
        index = start
        # Decoding frames in parallel is fast but loses the last ones before damage. So from where it ended in
        # damage, it is done again one frame at a time.
        for threading in ("AUTO", "SLICE"):
            try:
                with closing(self._decode_from(index, threading)) as frames:
                    for frame in frames:
                        yield index, frame
                        index += 1
            except av.error.FFmpegError as error:
                damage = f"is damaged ({reason(error)})"
            else:
                damage = (
                    f"is cut short ({self._missing_bytes} bytes are missing)" if self._missing_bytes else ""
                )
                break
        if damage:
            raise MediaError(
                f"{self.path} {damage}: decoding stopped at frame {index}; the frames before it can be used"
            )

    def _decode_from(self, start: int, threading: str) -> Generator[VideoFrame, None, None]:
        """Yield decoded frames from number `start` on, by seeking where that is exact."""
        times = self._frame_times() if start else None
        if times is not None:
            if start >= len(times):
                return
            for earlier in (start, max(0, start - EARLIER_FRAMES)):
                with closing(decode(self.path, threading, seek_to=times[earlier])) as frames:
                    for frame in frames:
                        if frame.pts is None or frame.pts > times[start]:
                            break  # the seek, or the decoder from there, did not reach it
                        if frame.pts == times[start]:
                            yield frame
                            yield from frames
                            return
        with closing(decode(self.path, threading)) as frames:
            yield from islice(frames, start, None)

    def _first_frame(self) -> VideoFrame:
        failure = (
            f"cut short: {self._missing_bytes} bytes are missing" if self._missing_bytes else "it holds none"
        )
        try:
            with closing(decode(self.path)) as frames:
                for frame in frames:
                    return frame
        except av.error.FFmpegError as error:
            failure = reason(error)
        raise MediaError(f"no frame of {self.path} can be decoded ({failure}); expected a video")

    def _frame_times(self) -> list[int] | None:
        if not self._times_read:
            self._times = frame_times(self.path)
            self._times_read = True
        return self._times
