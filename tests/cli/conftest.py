import cv2
import numpy as np
import pytest

from gcvos_model.masks import write_label_png


@pytest.fixture
def clip(scene, tmp_path):
    """A folder of images and the label map of its first frame."""
    frames, labels = scene
    folder = tmp_path / "clip"
    folder.mkdir()
    for i, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"frame{i + 1}.png"), np.ascontiguousarray(frame[..., ::-1]))
    write_label_png(tmp_path / "first.png", labels[0])
    write_label_png(tmp_path / "fifth.png", labels[5])
    return folder
