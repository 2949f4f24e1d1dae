import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from gcvos_model.checkpoints import random_model, save_checkpoint
from gcvos_model.cli import main
from gcvos_model.masks import write_label_png

FRAMES = 5


def moving_square(t):
    labels = np.zeros((48, 64), np.uint8)
    labels[10:22, 4 + 2 * t : 16 + 2 * t] = 1
    return labels


def add_sequence(root, name, resolution="480p"):
    for kind in ("JPEGImages", "Annotations"):
        (root / kind / resolution / name).mkdir(parents=True)
    for t in range(FRAMES):
        labels = moving_square(t)
        Image.fromarray(np.stack([60 + 90 * labels] * 3, -1)).save(
            root / "JPEGImages" / resolution / name / f"{t:05d}.jpg"
        )
        write_label_png(root / "Annotations" / resolution / name / f"{t:05d}.png", labels)


@pytest.fixture
def davis(tmp_path):
    """DAVIS 2016 with two of its sequences."""
    root = tmp_path / "DAVIS"
    for name in ("blackswan", "libby"):
        add_sequence(root, name)
    (root / "ImageSets" / "480p").mkdir(parents=True)
    (root / "ImageSets" / "480p" / "val.txt").write_text("blackswan\nlibby\n")
    return root


@pytest.fixture
def tiny(tmp_path):
    """A checkpoint of random weights."""
    network = random_model("tiny")
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, network.config, network.state_dict(), {"data": ["nothing"]}, torch.float32)
    return path


def run(*arguments):
    """The exit code of `gcvos evaluate`."""
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *map(str, arguments)])
    return ended.value.code or 0


def test_a_model_with_the_papers_table(davis, tiny, tmp_path, capsys):
    options = "--benchmark", "davis2016", "--out", tmp_path / "out", "--model", tiny, "--short-side", 48
    assert run(davis, *options, "--device", "cpu", "--paper-table", "3") == 0
    printed = capsys.readouterr()
    assert "tiny on davis2016 val" in printed.out
    assert "overall" in printed.out
    assert "GC (the paper)" in printed.out
    assert (
        "measured on 2 sequences of davis2016 val (10 frames): blackswan, libby; trained on nothing"
        in " ".join(printed.out.split())
    )
    assert "NOT comparable" in printed.out
    assert "10/10" in printed.err  # the progress bar
    assert (tmp_path / "out" / "masks" / "libby" / "00004.png").is_file()
    assert (tmp_path / "out" / "report.csv").is_file()

    assert run("--paper-table", "figure4", "--report", tmp_path / "out" / "report.json") == 0
    assert "tiny, ours (1)" in capsys.readouterr().out


def test_given_masks_and_one_sequence_that_has_none(davis, tmp_path, capsys):
    results = davis / "Annotations" / "480p"
    assert run(davis, "--benchmark", "davis2016", "--results", results, "--jobs", 2) == 0
    overall = next(line for line in capsys.readouterr().out.splitlines() if "overall" in line).split()
    assert overall == [
        "overall",
        "2",
        "10",
        "100.0",
        "100.0",
        "100.0",
        "0.0",
        "100.0",
        "100.0",
        "0.0",
        "-",
        "-",
    ]

    given = tmp_path / "given"
    (given / "libby").mkdir(parents=True)
    for t in range(1, FRAMES - 1):
        write_label_png(given / "libby" / f"{t:05d}.png", moving_square(t))
    out = tmp_path / "out"
    assert run(davis, "--benchmark", "davis2016", "--results", given, "--out", out) == 1
    printed = capsys.readouterr()
    assert "1 of the sequences could not be evaluated" in printed.err
    assert "blackswan" in printed.err
    report = json.loads((out / "report.json").read_text())
    assert [sequence["name"] for sequence in report["sequences"]] == ["libby"]
    assert list(report["failures"]) == ["blackswan"]


def test_youtube_vos_writes_its_submission(tmp_path, tiny, capsys):
    root = tmp_path / "valid"
    add_sequence(root, "a1b2", resolution=".")
    for t in range(1, FRAMES):
        (root / "Annotations" / "a1b2" / f"{t:05d}.png").unlink()
    objects = {"1": {"category": "duck", "frames": [f"{t:05d}" for t in range(FRAMES)]}}
    (root / "meta.json").write_text(json.dumps({"videos": {"a1b2": {"objects": objects}}}))
    out = tmp_path / "out"
    options = (
        "--benchmark",
        "youtube-vos",
        "--out",
        out,
        "--model",
        tiny,
        "--device",
        "cpu",
        "--short-side",
        48,
    )
    assert run(root, *options) == 0
    assert "no truth to score by" in capsys.readouterr().out
    with zipfile.ZipFile(out / "submission.zip") as archive:
        assert archive.namelist() == [f"Annotations/a1b2/{t:05d}.png" for t in range(FRAMES)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to do"),
        (["{davis}"], "--benchmark is missing"),
        (["{davis}", "--benchmark", "davis2016"], "--out is missing"),
        (
            ["{davis}", "--benchmark", "davis2017", "--split", "train", "--out", "o"],
            "no list of the sequences",
        ),
        (["{davis}", "--benchmark", "youtube-vos", "--out", "o"], "meta.json"),
        (["{davis}", "--benchmark", "davis2016", "--out", "o", "--model", "none"], "unknown model"),
        (["{davis}", "--benchmark", "davis2016", "--results", "absent"], "no folder of masks"),
        (["--paper-table", "3", "--report", "absent.json"], "cannot read the report"),
    ],
)
def test_bad_input_in_one_line(davis, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert run(*(argument.format(davis=davis) for argument in arguments)) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("gcvos: ")
    assert message in error
    assert not (tmp_path / "o").exists()
