import pytest
import torch

from gcvos_model import backends as module
from gcvos_model.backends import backends
from gcvos_model.checkpoints import random_model
from gcvos_model.devices import choose_device, choose_dtype, cpu_has_int8


def test_what_is_used_is_what_a_model_is_loaded_into():
    (used,) = [row for row in backends() if row.used]
    device = choose_device("auto")
    assert used.device == device.type
    assert used.precision.split()[-1] == str(choose_dtype("auto", device)).removeprefix("torch.")
    if device.type == "cpu":
        assert random_model("tiny", precision="auto").precision == used.precision.split()[-1]
        assert used.precision.startswith("int8") == cpu_has_int8()


def test_a_cpu_without_bfloat16_and_a_runtime_that_is_not_installed(monkeypatch):
    for name in ("gcvos_model.backends", "gcvos_model.devices"):
        monkeypatch.setattr(f"{name}.cpu_has_bfloat16", lambda: False)
    monkeypatch.setattr(module, "cpu_has_int8", lambda: False)

    def absent(package):
        raise module.PackageNotFoundError(package)

    monkeypatch.setattr(module, "version", absent)
    rows = {(row.name.split()[0], row.device): row for row in backends()}
    cpu = rows["PyTorch", "cpu"]
    assert (cpu.precision, "does not compute in bfloat16" in cpu.why) == ("float32", True)
    assert not rows["openvino", "cpu"].there
    assert "gcvos[export]" in rows["openvino", "cpu"].why


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_an_absent_gpu_is_said_to_be_absent():
    (cuda,) = [row for row in backends() if row.device == "cuda"]
    assert not cuda.there
    assert "CUDA" in cuda.why or "cuda" in cuda.why


def test_the_command_lists_them(capfd):
    from gcvos_model.cli import main

    with pytest.raises(SystemExit) as exit_:
        main(["models", "--backends"])
    assert not exit_.value.code
    out = capfd.readouterr().out
    assert "PyTorch" in out
    assert "onnxruntime" in out
    assert "used" in out
