import cv2
import numpy as np
import pytest

from gcvos_model.cli import main
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


@pytest.fixture
def gcvos(capfd):
    """Run the command line in this process: exit code, standard output, standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return exit_.value.code or 0, out, err

    return run
