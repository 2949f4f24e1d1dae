"""`gcvos train`: bad input is refused before anything is written; both stages in one command."""

import json

import pytest

from gcvos_model.checkpoints import read_checkpoint
from gcvos_model.cli import main
from gcvos_model.training.made_up_data import make_data, make_video

TINY = (
    "--preset", "tiny", "--size", "32", "--frames", "2", "--batch", "1", "--max-steps", "2",
    "--workers", "0", "--precision", "32-true",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    make_data(root, images=4, frames=10)
    return root


def train(data, out, *more):
    with pytest.raises(SystemExit) as ended:
        main(["train", "--data", str(data), "--out", str(out), *TINY, *more])
    return ended.value.code


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (("--stage", "films"), "unknown stage 'films': expected images or video or both"),
        (("--preset", "huge"), "unknown preset 'huge'"),
        (("--recipe", "mine"), "unknown recipe 'mine'"),
        (("--size", "40"), "multiple of 16"),
        (("--initial", "absent.safetensors"), "no file 'absent.safetensors'"),
        (("--resume", "--overwrite"), "contradict"),
        (("--resume",), "no run"),
        (("--precision", "9-bit"), "9-bit"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(data, tmp_path, capsys, more, complaint):
    assert train(data, tmp_path / "run", *more) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_unreadable_files_are_refused_or_left_out(tmp_path, capsys):
    make_data(tmp_path / "data", images=4, frames=10)
    broken = tmp_path / "data" / "static" / "blobs" / "images" / "2.jpg"
    broken.write_bytes(b"half")
    assert train(tmp_path / "data", tmp_path / "run") == 2
    assert "2.jpg" in capsys.readouterr().err
    assert train(tmp_path / "data", tmp_path / "run", "--skip-unreadable") == 0
    assert "left out" in capsys.readouterr().out
    found = json.loads((tmp_path / "run" / "data.json").read_text())
    assert [(entry["images"], len(entry["left_out"])) for entry in found if entry["name"] == "blobs"] == [
        (3, 1)
    ]


def test_both_stages_in_one_command_with_validation(data, tmp_path, capsys):
    make_video(tmp_path / "val", frames=4)
    assert train(data, tmp_path / "run", "--stage", "both", "--validate", str(tmp_path / "val")) == 0
    out = capsys.readouterr().out
    assert "blobs" in out
    assert "best J" in out
    record = json.loads(read_checkpoint(tmp_path / "run" / "video" / "best.safetensors")[2]["record"])
    assert record["stage"] == "video"
    assert record["data"] == ["blobs", "video/train"]
    assert record["earlier_stages"][0].startswith("images: 2 steps of 1 clips")
    assert 0 <= record["validation_j"] <= 100
    assert (
        train(data, tmp_path / "run", "--stage", "both", "--validate", str(tmp_path / "val"), "--resume") == 0
    )
