"""A folder of images as one clip."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..errors import MediaError
from .source import Frame, FrameSource, check_range

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jp2")
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)  # what Pillow raises
FPS = 25.0  # folders carry no frame rate


class ImageFolder(FrameSource):
    """The images of one folder, without its subfolders, in natural order of their names (2 before 10).

    Attributes:
        paths: the image files, in order.
    """

    def __init__(self, folder: str | Path) -> None:
        """List the folder and read the size of its first image.

        Raises:
            MediaError: no such folder, no image in it, two images of one name, or an unreadable first image.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise MediaError(f"no such folder: {folder}; give the path of a folder of images")
        files = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
        # Names with a dot first are no images of the user's: '._x.jpg' is what macOS leaves on other disks.
        self.paths = sorted((path for path in files if not path.name.startswith(".")), key=natural_key)
        if not self.paths:
            raise MediaError(f"no images in {folder}; expected files named *{', *'.join(SUFFIXES)}")
        for path, after in zip(self.paths, self.paths[1:], strict=False):
            if path.stem == after.stem:
                raise MediaError(
                    f"{folder} holds both {path.name} and {after.name}, whose results would have one name; "
                    "keep one image per frame in the folder"
                )
        self.names = [path.name for path in self.paths]
        self.frame_count = len(self.paths)
        self.fps = FPS
        self.size = _upright_size(self.paths[0])

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame]]:
        """See `FrameSource.frames`; each frame has the size of its own image."""
        check_range(start, stop)
        return ((index, read_image(self.paths[index])) for index in range(len(self.paths))[start:stop])

    def frames_backward(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame]]:
        """See `FrameSource.frames_backward`."""
        check_range(start, stop)
        return (
            (index, read_image(self.paths[index])) for index in reversed(range(len(self.paths))[start:stop])
        )

    def frame(self, index: int) -> Frame:
        """See `FrameSource.frame`."""
        if not 0 <= index < len(self.paths):
            raise MediaError(
                f"there is no frame {index}: the folder has the frames 0 to {len(self.paths) - 1}"
            )
        return read_image(self.paths[index])

    def count_frames(self) -> int:
        """See `FrameSource.count_frames`."""
        return len(self.paths)


def natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Return a sorting key that orders the numbers in a file name by value: a2.png before a10.png."""
    parts = re.findall(r"(\d+)|(\D+)", path.stem.lower())
    return [(0, int(digits), "") if digits else (1, 0, text) for digits, text in parts], path.name


def read_image(path: str | Path) -> Frame:
    """Read an image as uint8 RGB (H, W, 3), turned upright as its EXIF orientation says.

    Grey and palette images become RGB; alpha is dropped; of 16 bits the upper eight are kept.

    Raises:
        MediaError: absent, not an image, damaged, or of a kind whose range of values is not known.
    """
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")  # large images and odd palettes are what users have
            return _to_rgb(ImageOps.exif_transpose(image))
    except UNREADABLE as error:
        raise MediaError(f"cannot read the image {path}: {error}; repair it or take it out") from None


def _to_rgb(image: Image.Image) -> Frame:
    if image.mode.startswith("I"):  # 16-bit grey; Pillow itself clips it instead of scaling
        grey = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise ValueError("its values are floating-point numbers of unknown range, expected 8 or 16 bits")
    return np.array(image.convert("RGB"))


def _upright_size(path: Path) -> tuple[int, int]:
    """Return (H, W) as `read_image` would give it, from the header alone."""
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")
            width, height = image.size
            lying = image.getexif().get(0x0112, 1) >= 5  # orientations 5 to 8 swap the sides
            return (width, height) if lying else (height, width)
    except UNREADABLE as error:
        raise MediaError(f"cannot read the image {path}: {error}; repair it or take it out") from None
