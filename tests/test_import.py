"""`import gcvos_model` stays light."""

import json
import subprocess
import sys

import gcvos_model

HEAVY = ("cv2", "av", "PIL", "torchvision", "matplotlib", "typer", "rich", "lightning_fabric", "fiftyone")


def fresh(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_nothing_heavy_is_loaded():
    loaded = json.loads(fresh("import sys, json, gcvos_model; print(json.dumps(list(sys.modules)))"))
    assert [name for name in loaded if name.split(".")[0] in HEAVY] == []
    assert [name for name in loaded if name.startswith("gcvos_model.")] == []


def test_it_costs_little_beside_torch():
    """At most 15% more than `import torch`, both timed in one process, so that a busy machine slows both."""
    timed = """
import time
start = time.perf_counter()
import torch
between = time.perf_counter()
import gcvos_model
print((time.perf_counter() - between) / (between - start))
"""
    assert min(float(fresh(timed)) for _ in range(3)) <= 0.15


def test_public_names_resolve():
    for name in gcvos_model.__all__:
        assert getattr(gcvos_model, name) is not None
        assert name in dir(gcvos_model)
