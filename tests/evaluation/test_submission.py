import zipfile

import pytest

from gcvos_model.evaluation.layouts import Benchmark, read_dataset
from gcvos_model.evaluation.submission import write_submission

from .scenes import moving_square, numbered, write_masks


def test_archive_holds_the_frames_that_meta_lists(youtube, tmp_path):
    youtube.add("dense", moving_square(7), {1: [0, 5]}, names=numbered(7))
    write_masks(tmp_path / "masks" / "a1b2", moving_square(), numbered(6, 5))
    write_masks(tmp_path / "masks" / "dense", moving_square(7), numbered(7))
    sequences = read_dataset(youtube.root, Benchmark.YOUTUBE_VOS, "val")
    write_submission(tmp_path / "submission.zip", tmp_path / "masks", sequences)
    with zipfile.ZipFile(tmp_path / "submission.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            *(f"Annotations/a1b2/{frame}.png" for frame in numbered(6, 5)),
            "Annotations/dense/00000.png",
            "Annotations/dense/00005.png",
        ]
        path = tmp_path / "masks" / "a1b2" / "00010.png"
        assert archive.read("Annotations/a1b2/00010.png") == path.read_bytes()


def test_no_archive_where_a_mask_is_missing(youtube, tmp_path):
    write_masks(tmp_path / "masks" / "a1b2", moving_square(3), numbered(3, 5))
    with pytest.raises(OSError, match=r"00015\.png"):
        write_submission(
            tmp_path / "submission.zip",
            tmp_path / "masks",
            read_dataset(youtube.root, Benchmark.YOUTUBE_VOS, "val"),
        )
    assert not list(tmp_path.glob("submission*"))
