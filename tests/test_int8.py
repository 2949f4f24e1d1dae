"""Which checkpoints compute in int8, and how one comes to."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from gcvos_model import int8
from gcvos_model.checkpoints import load_model, random_model, read_checkpoint, save_checkpoint
from gcvos_model.cli import main
from gcvos_model.devices import cpu_has_int8
from gcvos_model.errors import CheckpointError, InputError
from gcvos_model.network.config import PAPER, TINY
from gcvos_model.propagation import Propagator

vnni = pytest.mark.skipif(not cpu_has_int8(), reason="needs a CPU with VNNI")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "tiny.safetensors"
    save_checkpoint(path, TINY, random_model(TINY).state_dict(), {"steps": 3}, torch.float16)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Three images with masks, the last of them empty."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    for seed in range(3):
        noise = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
        image = cv2.resize(noise, (128, 96), interpolation=cv2.INTER_CUBIC)
        mask = np.zeros((96, 128), np.uint8)
        mask[20:60, 30:90] = seed < 2
        cv2.imwrite(str(folder / "images" / f"{seed}.png"), image)
        cv2.imwrite(str(folder / "masks" / f"{seed}.png"), mask)
    return folder


@pytest.fixture(scope="module")
def quantized(plain, images, tmp_path_factory):
    path = tmp_path_factory.mktemp("quantized") / "tiny.safetensors"
    path.write_bytes(plain.read_bytes())
    main_without_exit("quantize", path, images)
    return path


def main_without_exit(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code


def test_quantising_changes_neither_weights_nor_digest(plain, quantized):
    before, after = read_checkpoint(plain), read_checkpoint(quantized)
    assert after[0] == before[0]
    assert after[2]["digest"] == before[2]["digest"]
    torch.testing.assert_close(after[1], before[1], rtol=0, atol=0)
    record = json.loads(after[2]["record"])
    assert record["steps"] == 3
    # the trunk's conv1, three blocks' sums and first convolutions, two shortcuts; two for each of five residual blocks;
    # keys, values and queries
    assert len(record["ranges"]) == 9 + 10 + 3


@vnni
def test_a_quantised_model_tracks_nearly_as_before(quantized, scene):
    frames, labels = scene
    found = {}
    for precision in ("float32", "int8"):
        model = load_model(quantized, device="cpu", precision=precision)
        propagator = Propagator(model, short_side=48)
        propagator.annotate(frames[0], {1: labels[0] == 1})
        found[model.precision.split()[0]] = propagator.step(frames[1]).coarse
    assert set(found) == {"float32", "int8"}
    assert np.abs(found["float32"] - found["int8"]).mean() < 0.05


@pytest.mark.parametrize("capable", [True, False])
@vnni
def test_by_itself_a_model_takes_int8_where_it_can(quantized, plain, monkeypatch, capable):
    monkeypatch.setattr(int8, "cpu_has_int8", lambda: capable)
    assert load_model(quantized, device="cpu").precision.startswith("int8") == capable
    assert not load_model(plain, device="cpu").precision.startswith("int8")


def test_what_stands_against_int8_is_said(quantized, plain, monkeypatch):
    monkeypatch.setattr(int8, "cpu_has_int8", lambda: True)
    with pytest.raises(InputError, match="gcvos quantize"):
        load_model(plain, device="cpu", precision="int8")
    monkeypatch.setattr(int8, "cpu_has_int8", lambda: False)
    with pytest.raises(InputError, match="VNNI"):
        load_model(quantized, device="cpu", precision="int8")


@vnni
def test_ranges_of_another_network_are_refused(tmp_path):
    path = tmp_path / "tiny.safetensors"
    record = {"ranges": {"trunk.conv1": [0.0, 1.0]}}
    save_checkpoint(path, TINY, random_model(TINY).state_dict(), record, torch.float16)
    with pytest.raises(CheckpointError, match="measure them anew"):
        load_model(path, device="cpu")


def test_quantising_says_what_is_wrong(plain, images, tmp_path, capsys):
    assert main_without_exit("quantize", plain, tmp_path) == 2
    assert "no training data" in capsys.readouterr().err
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "2.png").write_bytes((images / kind / "2.png").read_bytes())
    assert main_without_exit("quantize", plain, tmp_path) == 2
    assert "needs images with masks" in capsys.readouterr().err
    (tmp_path / "images" / "3.png").write_bytes((images / "images" / "1.png").read_bytes())
    (tmp_path / "masks" / "3.png").write_text("no image")
    assert main_without_exit("quantize", plain, tmp_path) == 2
    assert "cannot decode the mask" in capsys.readouterr().err
    paper = random_model(replace(TINY, trunk="resnet50", name=PAPER.name))
    with pytest.raises(InputError, match="basic blocks"):
        int8.ranges_on(paper, [])
