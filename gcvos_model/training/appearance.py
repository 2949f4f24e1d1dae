"""What light and camera do to a clip: exposure and colour, motion blur, defocus, noise."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def jitter_table(rng: np.random.Generator, strength: float) -> NDArray[np.uint8]:
    """A random gain, offset and gamma for each colour channel as a look-up table, `(1, 256, 3)`."""
    ramp = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(rng.uniform(-1, 1) * strength)
    gain = 1 + rng.uniform(-1, 1) * strength + rng.uniform(-1, 1, 3) * strength * 0.5
    offset = rng.uniform(-1, 1) * strength * 0.3
    table = np.clip(ramp**gamma * gain + offset, 0, 1) * 255
    return table.astype(np.uint8)[None]


def apply_table(image: Image, table: NDArray[np.uint8]) -> Image:
    """Map each channel of `image` `(H, W, 3)` by its column of `table`."""
    return cv2.LUT(image, table)  # type: ignore[return-value]


def motion_blur(image: Image, length: int, angle: float) -> Image:
    """Blur along a line of `length` pixels at `angle` degrees."""
    kernel: NDArray[Any] = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), angle, 1)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return cv2.filter2D(image, -1, kernel / max(float(kernel.sum()), 1e-6))  # type: ignore[arg-type,return-value]


def vary_frames(rng: np.random.Generator, frames: list[Image]) -> list[Image]:
    """One look for the whole clip, small changes of it from frame to frame, now and then blur or noise."""
    clip_table = jitter_table(rng, 0.25)
    varied = [apply_table(apply_table(frame, clip_table), jitter_table(rng, 0.06)) for frame in frames]
    blur = rng.random()
    for i, frame in enumerate(varied):
        if blur < 0.15:
            frame = motion_blur(frame, int(rng.integers(3, 10)), rng.uniform(0, 180))
        elif blur < 0.25:
            frame = cv2.GaussianBlur(frame, (0, 0), rng.uniform(0.4, 1.4))  # type: ignore[assignment]
        if blur > 0.85:
            noise = rng.normal(0, rng.uniform(2, 9), frame.shape)
            frame = np.clip(frame + noise, 0, 255).astype(np.uint8)
        varied[i] = frame
    return varied
