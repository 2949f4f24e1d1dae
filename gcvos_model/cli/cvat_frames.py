"""The frames of a CVAT task or job as a source to propagate through, fetched one by one as they are needed."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageOps

from gcvos_model.cli.cvat_target import CvatTarget
from gcvos_model.errors import MediaError
from gcvos_model.video import Frame, FrameSource, read_ahead
from gcvos_model.video.source import check_range


class CvatFrames(FrameSource):
    """Some frames of a task or job. Index i is the frame `numbers[i]`, so deleted frames leave no gap."""

    def __init__(self, target: CvatTarget, numbers: Sequence[int], quality: str = "original") -> None:
        """Fetch the first frame, for its size.

        Raises:
            MediaError: It cannot be read.
        """
        self.numbers = list(numbers)
        self._target, self._quality = target, quality
        self._last: tuple[int, Frame] | None = None
        self.names = [str(number) for number in numbers]
        self.frame_count = len(self.numbers)
        self.fps = 25.0
        height, width = self.frame(0).shape[:2]
        self.size = height, width

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame]]:
        """See `FrameSource.frames`; the next frames are fetched while one is worked on."""
        check_range(start, stop)
        return read_ahead((index, self.frame(index)) for index in range(len(self.numbers))[start:stop])

    def frames_backward(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame]]:
        """See `FrameSource.frames_backward`."""
        check_range(start, stop)
        indices = reversed(range(len(self.numbers))[start:stop])
        return read_ahead((index, self.frame(index)) for index in indices)

    def frame(self, index: int) -> Frame:
        """See `FrameSource.frame`. The last one is kept: the drawn frame is asked for again and again."""
        if not 0 <= index < len(self.numbers):
            raise MediaError(f"there is no frame {index}: {len(self.numbers)} frames were chosen")
        if self._last is not None and self._last[0] == index:
            return self._last[1]
        number = self.numbers[index]
        data = self._target.image(number, self._quality)
        try:
            with Image.open(io.BytesIO(data)) as image:
                frame = to_frame(image)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise MediaError(f"frame {number} cannot be decoded: {error}") from None
        self._last = index, frame
        return frame

    def count_frames(self) -> int:
        """See `FrameSource.count_frames`."""
        return len(self.numbers)


def to_frame(image: Image.Image) -> Frame:
    """Any image as uint8 RGB (H, W, 3), upright; alpha is dropped, of 16 bits the upper 8 are kept."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # Pillow would clip it
        upright = Image.fromarray((np.asarray(upright).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    return np.array(upright.convert("RGB"))
