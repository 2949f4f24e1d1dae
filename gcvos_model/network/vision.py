"""The one place where torchvision is imported.

torchvision's default wheel is built against CUDA. Beside a CPU-only PyTorch its C++ operators cannot load, and then
`import torchvision` fails with 'operator torchvision::nms does not exist', because its Python side registers fake
kernels for `nms` and `qnms` whose schemas nobody defined. Defining the two schemas first makes models and transforms
work; the operators themselves stay absent, and nothing here uses them.
"""

from types import ModuleType

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_library = torch.library.Library("torchvision", "FRAGMENT")  # kept alive: its definitions go with it


def import_torchvision() -> ModuleType:
    """Import torchvision, also where its compiled operators cannot load.

    Returns:
        The module `torchvision`, with `models` and `transforms` usable.

    Raises:
        ImportError: torchvision is not installed.
    """
    try:
        import torchvision
    except RuntimeError as error:  # the half-imported modules are dropped by Python, so a second try is clean
        if "torchvision::nms" not in str(error):
            raise
        for name, schema in _SCHEMAS.items():
            if not hasattr(torch.ops.torchvision, name):
                _library.define(schema)
        import torchvision
    return torchvision
