import pytest
import torch

from gcvos_model.devices import choose_device, choose_dtype
from gcvos_model.errors import InputError


def test_the_cpu_is_always_there():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu0", ""])
def test_unknown_devices_are_refused(name):
    with pytest.raises(InputError, match="unknown device"):
        choose_device(name)


def test_an_absent_gpu_is_refused():
    with pytest.raises(InputError, match="is not there"):
        choose_device(f"cuda:{torch.cuda.device_count()}")


def test_precisions():
    cpu = torch.device("cpu")
    assert choose_dtype("float32", cpu) == torch.float32
    assert choose_dtype("auto", cpu) in (torch.float32, torch.bfloat16)
    with pytest.raises(InputError, match="unknown precision 'int3'"):
        choose_dtype("int3", cpu)
