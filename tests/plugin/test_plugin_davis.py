"""A real sequence of DAVIS, as a video and as grouped images, beside the command line."""

from pathlib import Path

import cv2
import fiftyone as fo
import numpy as np
import pytest
from made_up import detections, rendered, write_video

from gcvos_model.cli import main
from gcvos_model.masks import read_label_png

DAVIS = Path(__file__).resolve().parents[3] / "shared" / "data" / "video" / "val"
SEQUENCE, FRAMES = "libby", 8

pytestmark = pytest.mark.skipif(not DAVIS.is_dir(), reason=f"there is no DAVIS data in {DAVIS}")


@pytest.fixture(scope="module")
def sequence(tmp_path_factory):
    """Some frames in a folder of their own, and the first mask."""
    folder = tmp_path_factory.mktemp("davis") / SEQUENCE
    folder.mkdir()
    images = sorted((DAVIS / "JPEGImages" / "480p" / SEQUENCE).glob("*.jpg"))[:FRAMES]
    for image in images:
        (folder / image.name).write_bytes(image.read_bytes())
    return folder, DAVIS / "Annotations" / "480p" / SEQUENCE / "00000.png"


def command_line(source, mask, checkpoint, out):
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "propagate",
                str(source),
                "--mask",
                str(mask),
                "--out",
                str(out),
                "--model",
                str(checkpoint),
                "--device",
                "cpu",
                "--short-side",
                "128",
            ]
        )
    assert ended.value.code in (0, None)
    return [read_label_png(path) for path in sorted(out.glob("*.png"))]


def first_labels(mask):
    return detections((read_label_png(mask) > 0).astype(np.uint8))


def binary_mask(mask, folder):
    """The mask with one id, as the command line wants it."""
    path = folder / "first.png"
    cv2.imwrite(str(path), (read_label_png(mask) > 0).astype(np.uint8))
    return path


def test_grouped_images_as_the_command_line(sequence, run, checkpoint, tmp_path):
    folder, mask = sequence
    expected = command_line(folder, binary_mask(mask, tmp_path), checkpoint, tmp_path / "out")
    dataset = fo.Dataset()
    samples = [
        fo.Sample(filepath=str(path), clip=SEQUENCE, n=n) for n, path in enumerate(sorted(folder.iterdir()))
    ]
    samples[0]["gt"] = first_labels(mask)
    dataset.add_samples(samples)
    view = dataset.group_by("clip", order_by="n")
    assert run(view, source_field="gt", target_field="gc", short_side=128)["frames"] == FRAMES
    for labels, sample in zip(expected, dataset.sort_by("n"), strict=True):
        assert np.array_equal(rendered(sample["gc"], labels.shape), labels)
    dataset.delete()


def test_video_as_the_command_line(sequence, run, checkpoint, tmp_path):
    folder, mask = sequence
    frames = np.stack([cv2.imread(str(path))[:, :, ::-1] for path in sorted(folder.iterdir())])
    video = write_video(tmp_path / "libby.mp4", frames)
    expected = command_line(video, binary_mask(mask, tmp_path), checkpoint, tmp_path / "out")
    sample = fo.Sample(filepath=str(video))
    sample.frames[1] = fo.Frame(gt=first_labels(mask))
    dataset = fo.Dataset()
    dataset.add_sample(sample)
    assert run(dataset, short_side=128)["frames"] == FRAMES
    for index, labels in enumerate(expected):
        assert np.array_equal(rendered(dataset.first().frames[index + 1]["gc"], labels.shape), labels)
    dataset.delete()
