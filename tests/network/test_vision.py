import subprocess
import sys

from gcvos_model.network.vision import import_torchvision


def test_models_and_transforms_work():
    torchvision = import_torchvision()
    assert torchvision.models.resnet18(weights=None).layer3 is not None
    assert torchvision.transforms.Normalize is not None


def test_a_second_import_is_the_first():
    assert import_torchvision() is import_torchvision()


def test_it_works_when_plain_torchvision_was_tried_before():
    code = (
        "try:\n    import torchvision\nexcept RuntimeError:\n    pass\n"
        "from gcvos_model.network.vision import import_torchvision\n"
        "print(import_torchvision().models.resnet18().fc.out_features)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "1000", run.stderr
