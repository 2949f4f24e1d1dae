"""Made-up clips with exact masks."""

from pathlib import Path

import numpy as np

SIZE = (48, 64)


def scene(frames: int, objects: int = 1, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A made-up clip: bright rectangles that move over a dark background.

    Returns:
        frames (T, H, W, 3) uint8 and exact label maps (T, H, W) uint8.
    """
    height, width = size
    labels = np.zeros((frames, height, width), np.uint8)
    side = max(4, height // (objects + 1) - 2)
    for t in range(frames):
        for k in range(objects):
            top = 1 + k * (side + 1)
            left = 2 + (t + 3 * k) % (width - side - 4)
            labels[t, top : top + side, left : left + side] = k + 1
    colours = np.array(
        [[30, 40, 35], [230, 60, 50], [60, 220, 70], [70, 80, 240], [230, 220, 60], [220, 80, 230]]
    )
    return colours.astype(np.uint8)[labels], labels


def write_video(path: Path, frames: np.ndarray) -> Path:
    from gcvos_model.video import VideoWriter

    with VideoWriter(path, frames.shape[1:3], fps=10) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def detections(labels: np.ndarray, **extra: object):
    """A label map (H, W) as detections with masks."""
    import fiftyone as fo

    from gcvos_model.masks import object_masks, tight_box

    height, width = labels.shape
    found = []
    for object_id, mask in object_masks(labels).items():
        x1, y1, x2, y2 = tight_box(mask)
        box = [x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height]
        found.append(
            fo.Detection(label="thing", bounding_box=box, mask=mask[y1:y2, x1:x2], index=object_id, **extra)
        )
    return fo.Detections(detections=found)


def rendered(label, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Detections as a label map (H, W) of their indices."""
    height, width = size
    labels = np.zeros(size, np.uint8)
    for detection in label.detections if label else []:
        labels[detection.to_segmentation(frame_size=(width, height), target=1).get_mask() > 0] = (
            detection.index
        )
    return labels
