"""A real sequence of DAVIS, as a video and as grouped images, beside the command line, with the bundled model."""

from pathlib import Path

import cv2
import fiftyone as fo
import numpy as np
import pytest
from made_up import detections, rendered, write_video

from gcvos_model.cli import main
from gcvos_model.masks import read_label_png

DAVIS = Path(__file__).resolve().parents[3] / "shared" / "data" / "video" / "val"
SEQUENCE, FRAMES = "libby", 49
SHORT_SIDE = 240

pytestmark = pytest.mark.skipif(not DAVIS.is_dir(), reason=f"there is no DAVIS data in {DAVIS}")


@pytest.fixture(scope="module")
def sequence(tmp_path_factory):
    """The folder of frames, and the first mask with one id, as the command line wants it."""
    labels = read_label_png(DAVIS / "Annotations" / "480p" / SEQUENCE / "00000.png")
    mask = tmp_path_factory.mktemp("davis") / "first.png"
    cv2.imwrite(str(mask), (labels > 0).astype(np.uint8))
    return DAVIS / "JPEGImages" / "480p" / SEQUENCE, mask


def command_line(source, mask, out):
    command = ["propagate", str(source), "--mask", str(mask), "--out", str(out)]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--device", "cpu", "--short-side", str(SHORT_SIDE)])
    assert ended.value.code in (0, None)
    labels = [read_label_png(path) for path in sorted(out.glob("*.png"))]
    assert len(labels) == FRAMES
    assert sum(map(np.any, labels)) > FRAMES / 2  # there are masks to compare
    return labels


def test_grouped_images_as_the_command_line(sequence, run, tmp_path):
    folder, mask = sequence
    expected = command_line(folder, mask, tmp_path / "out")
    dataset = fo.Dataset()
    samples = [
        fo.Sample(filepath=str(path), clip=SEQUENCE, n=n) for n, path in enumerate(sorted(folder.iterdir()))
    ]
    samples[0]["gt"] = detections(read_label_png(mask))
    dataset.add_samples(samples)
    view = dataset.group_by("clip", order_by="n")
    summary = run(view, source_field="gt", target_field="gc", model="gcvos-lite", short_side=SHORT_SIDE)
    assert summary["frames"] == FRAMES
    for labels, sample in zip(expected, dataset.sort_by("n"), strict=True):
        assert np.array_equal(rendered(sample["gc"], labels.shape), labels)
    dataset.delete()


def test_video_as_the_command_line(sequence, run, tmp_path):
    folder, mask = sequence
    frames = np.stack([cv2.imread(str(path))[:, :, ::-1] for path in sorted(folder.iterdir())])
    video = write_video(tmp_path / "libby.mp4", frames)
    expected = command_line(video, mask, tmp_path / "out")
    sample = fo.Sample(filepath=str(video))
    sample.frames[1] = fo.Frame(gt=detections(read_label_png(mask)))
    dataset = fo.Dataset()
    dataset.add_sample(sample)
    assert run(dataset, model="gcvos-lite", short_side=SHORT_SIDE)["frames"] == FRAMES
    sample.reload()
    for index, labels in enumerate(expected):
        assert np.array_equal(rendered(sample.frames[index + 1]["gc"], labels.shape), labels)
    dataset.delete()
