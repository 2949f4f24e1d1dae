"""Writing a video."""

import uuid
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np

from ..errors import InputError, MediaError
from .source import Frame

SUFFIXES = (".mp4", ".mov", ".mkv", ".m4v", ".avi")


class VideoWriter:
    """Writes frames into a video file: H.264 that plays everywhere (yuv420p), MPEG-4 where x264 is absent.

    Use it as a context manager. The file takes its name when it is closed, also after an error in the block:
    what was written until then can be played. Without a single frame there is no file.
    """

    def __init__(self, path: str | Path, size: tuple[int, int], fps: float = 25.0) -> None:
        """Open the file for writing.

        Args:
            path: where to, with the suffix of a container: .mp4, .mov, .m4v, .mkv or .avi.
            size: (H, W) of the video; odd sides are made even by repeating the last row or column. Frames of
                another size are scaled to fit, with black borders.
            fps: frames per second.

        Raises:
            InputError: another suffix, no such folder, or a frame rate that is not positive.
            MediaError: the file cannot be made.
        """
        self.path = Path(path)
        self.size = size
        self.frame_count = 0
        if self.path.suffix.lower() not in SUFFIXES:
            raise InputError(f"cannot write a video as {self.path.name}; use one of {', '.join(SUFFIXES)}")
        if not 0 < fps <= 1000:
            raise InputError(f"{fps} frames per second, expected a number above 0 and up to 1000")
        if not self.path.parent.is_dir():
            raise InputError(
                f"cannot write {self.path}: there is no folder {self.path.parent}; make it first"
            )
        self._temporary = self.path.with_name(
            f".{self.path.stem}.{uuid.uuid4().hex[:12]}.part{self.path.suffix}"
        )
        try:
            self._container = av.open(str(self._temporary), "w")
        except OSError as error:
            raise MediaError(f"cannot write {self.path}: {error.strerror or error}") from None
        has_x264 = "libx264" in av.codecs_available
        # MPEG-4's clock has 16 bits, and 30000/1001 must stay what it is.
        rate = Fraction(fps).limit_denominator(1001)
        self._stream = self._container.add_stream("libx264" if has_x264 else "mpeg4", rate=rate)
        self._stream.height, self._stream.width = (side + side % 2 for side in size)
        self._stream.pix_fmt = "yuv420p"
        if has_x264:
            self._stream.options = {"crf": "20", "preset": "veryfast", "x264-params": "log-level=error"}
        else:
            self._stream.options = {"flags": "+qscale", "global_quality": "354"}  # 3 in units of 118
        self._closed = False

    def write(self, frame: Frame) -> None:
        """Append one frame, uint8 RGB (H, W, 3).

        Raises:
            InputError: not such an array.
            MediaError: the disk is full, or the encoder failed.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise InputError(f"a frame is {frame.dtype} {frame.shape}, expected uint8 (H, W, 3) in RGB")
        fitted = letterbox(frame, self.size)
        padded = np.pad(fitted, ((0, self.size[0] % 2), (0, self.size[1] % 2), (0, 0)), mode="edge")
        try:
            packets = self._stream.encode(av.VideoFrame.from_ndarray(padded, format="rgb24"))
            self._container.mux(packets)
        except (OSError, av.error.FFmpegError) as error:
            raise MediaError(f"cannot write {self.path}: {error}") from None
        self.frame_count += 1

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises:
            MediaError: the disk is full, or the encoder failed; the file is removed.
        """
        if self._closed:
            return
        self._closed = True
        try:
            try:
                if self.frame_count:
                    self._container.mux(self._stream.encode())
            finally:
                self._container.close()
            if self.frame_count:
                self._temporary.replace(self.path)
        except (OSError, av.error.FFmpegError) as error:
            raise MediaError(f"cannot write {self.path}: {error}") from None
        finally:
            self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def letterbox(frame: Frame, size: tuple[int, int]) -> Frame:
    """Scale a frame to fit into (H, W) without distortion, in the middle of black borders."""
    height, width = frame.shape[:2]
    if (height, width) == tuple(size):
        return frame
    scale = min(size[0] / height, size[1] / width)
    inner_height, inner_width = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (size[0] - inner_height) // 2, (size[1] - inner_width) // 2
    boxed = np.zeros((*size, 3), np.uint8)
    boxed[top : top + inner_height, left : left + inner_width] = cv2.resize(
        frame, (inner_width, inner_height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return boxed
