import json

import pytest
import torch
from safetensors.torch import save_file

from gcvos_model.checkpoints import bundled_models, digest_of, load_model, read_checkpoint, save_checkpoint
from gcvos_model.errors import CheckpointError, InputError


@pytest.fixture
def saved(tiny_model, tmp_path):
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, tiny_model.config, tiny_model.state_dict(), {"minutes": 3}, torch.float16)
    return path


def test_a_checkpoint_comes_back(tiny_model, saved):
    network = load_model(saved, device="cpu", precision="float32")
    assert network.config == tiny_model.config
    assert len(network.digest) == 64
    for name, tensor in tiny_model.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], tensor.half().float())
    assert not network.training
    assert json.loads(read_checkpoint(saved)[2]["record"]) == {"minutes": 3}


def test_the_digest_is_of_config_and_tensors(tiny_model):
    tensors = dict(tiny_model.state_dict())
    config = tiny_model.config.to_dict()
    before = digest_of(config, tensors)
    assert digest_of(config, tensors) == before
    assert digest_of({**config, "key_channels": 9}, tensors) != before
    name = next(iter(tensors))
    tensors[name] = tensors[name] + 1
    assert digest_of(config, tensors) != before


def test_a_checkpoint_from_before_a_field_of_the_config_was_added_is_read(tiny_model, tmp_path, monkeypatch):
    whole = tiny_model.config.to_dict()
    earlier = {name: value for name, value in whole.items() if name != "least_likeness"}
    path = tmp_path / "earlier.safetensors"
    with monkeypatch.context() as patched:
        patched.setattr(type(tiny_model.config), "to_dict", lambda config: earlier)
        save_checkpoint(path, tiny_model.config, tiny_model.state_dict(), {}, torch.float16)
    assert "least_likeness" not in json.loads(read_checkpoint(path)[2]["config"])
    assert load_model(path, device="cpu").config == tiny_model.config


def test_a_flipped_byte_is_noticed(saved):
    content = bytearray(saved.read_bytes())
    content[-100] ^= 1
    saved.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(saved)


def test_a_truncated_file_is_refused(saved):
    saved.write_bytes(saved.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load_model(saved)


def test_anothers_safetensors_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="not a gcvos checkpoint"):
        load_model(path)


def test_tensors_that_do_not_fit_their_config_are_refused(tiny_model, tmp_path):
    path = tmp_path / "short.safetensors"
    tensors = dict(list(tiny_model.state_dict().items())[:-1])
    save_checkpoint(path, tiny_model.config, tensors, {}, torch.float16)
    with pytest.raises(CheckpointError, match="do not fit"):
        load_model(path)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(InputError, match=r"unknown model 'gcvos-huge'.*gcvos-lite"):
        load_model("gcvos-huge")


def test_an_absent_path_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*absent\.safetensors"):
        load_model(tmp_path / "absent.safetensors")


def test_the_bundled_model_loads_and_is_small():
    path = bundled_models()["gcvos-lite"]
    assert path.stat().st_size <= 16e6
    network = load_model("gcvos-lite", device="cpu")
    assert network.config.name == "gcvos-lite"
    assert all(tensor.dtype == torch.float16 for tensor in read_checkpoint(path)[1].values())
