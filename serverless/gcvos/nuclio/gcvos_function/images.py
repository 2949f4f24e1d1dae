"""From the request's image to a frame, with the size looked at before a single pixel is decoded."""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
import numpy.typing as npt
import pybase64
from PIL import Image

from gcvos_function.errors import ImageError, RequestError, TooLargeError

# What CVAT sends: PNG for frames of a video, the raw file for image tasks. Nothing that runs a program (EPS,
# PDF).
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000")

MAX_RATIO = 64
"""Of an image's sides: the long side of a thinner strip would outgrow any memory at the working resolution."""


def decode_image(image: str, max_pixels: int) -> npt.NDArray[np.uint8]:
    """Decode the request's image.

    Grey images are repeated over three channels, alpha is dropped, 16 bits become the upper 8, and an EXIF
    orientation is applied, as a browser shows the image.

    Args:
        image: The file in base64, without a `data:` prefix.
        max_pixels: More pixels than these are refused before they are decoded.

    Returns:
        The frame, uint8 RGB (H, W, 3).

    Raises:
        RequestError: Not base64 (400); `TooLargeError` (413); `ImageError`, not a decodable image (422).
    """
    try:
        data = pybase64.b64decode(image, validate=True)
    except ValueError as error:
        raise RequestError(f"image: not base64 ({error})") from None
    width, height = _size(data)
    if width * height > max_pixels:
        raise TooLargeError(f"image: {width} x {height} pixels, the limit is {max_pixels} (GCVOS_MAX_PIXELS)")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise TooLargeError(f"image: {width} x {height} pixels, one side may be {MAX_RATIO} times the other")
    # OpenCV reads a PNG in about half of Pillow's time, and the decoder is most of what a request costs
    # beside the network.
    try:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError(f"image: cannot be decoded ({error.err})") from None
    if frame is None:
        raise ImageError(f"image: {len(data)} bytes that cannot be decoded (truncated or damaged)")
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB, dst=frame).view(np.ndarray)


def _size(data: bytes) -> tuple[int, int]:
    """Width and height from the header; no pixel is decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels is the limit here
            with Image.open(io.BytesIO(data), formats=FORMATS) as header:
                return header.size
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"image: {error}") from None
    except Exception as error:  # Pillow's readers raise whatever a damaged header leads them to
        raise ImageError(f"image: not an image of a known format ({type(error).__name__}: {error})") from None
