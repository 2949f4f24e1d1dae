"""What the function answers when it cannot do what is asked, and what it logs."""

import base64
import json

import numpy as np
import pytest
from cvat_side import Refusal, ask, encode_image, track


def refusal(function, **fields):
    content = {"image": encode_image(np.zeros((8, 8, 3), np.uint8)), "shapes": [[1, 1, 5, 5]], "states": []}
    status, headers, body = function(json.dumps({**content, **fields}).encode())
    return status, headers, json.loads(body)["error"]


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"image": None}, 400, "image: expected"),
        ({"image": "###"}, 400, "image: not base64"),
        ({"image": base64.b64encode(b"no image").decode()}, 422, "image: not an image"),
        ({"shapes": [[20, 20, 30, 30]]}, 400, "shapes[0]: the shape lies outside"),
        (
            {"shapes": [[1, 1, 5, 5], {"type": "mask", "points": [4, 0, 0, 1, 1]}]},
            400,
            "shapes[1]: the mask is empty",
        ),
        ({"shapes": [None], "states": ["AAAA"]}, 400, "states[0]: 3 bytes that are not a state"),
        ({"shapes": [[1, 1, 5, 5]] * 101}, 413, "shapes: 101 objects, the limit is 100"),
    ],
)
def test_refusals(function, monkeypatch, fields, status, error):
    lines = []
    monkeypatch.setattr(function.context.logger, "warn", lines.append)
    got, _, text = refusal(function, **fields)
    assert got == status
    assert text.startswith(error)
    assert lines == [f"{status}: {text}"]  # CVAT shows the status alone


def test_too_many_pixels(function, monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr(function.tracker, "settings", replace(function.tracker.settings, max_pixels=63))
    assert refusal(function)[0] == 413


def test_strips(function):
    """A strip's long side would grow with the working resolution of its short one."""
    for height, width, status in ((1, 1, 200), (3, 190, 200), (1, 65, 413), (20_000, 1, 413)):
        image = encode_image(np.zeros((height, width, 3), np.uint8))
        body = json.dumps({"image": image, "shapes": [[0, 0, 1, 1]], "states": []}).encode()
        assert function(body)[0] == status


def test_a_state_of_another_model(function, clip):
    from gcvos_function.tracking import Tracker

    from gcvos_model.checkpoints import random_model

    other = Tracker(random_model("tiny", seed=1), function.tracker.settings)
    image = encode_image(clip[0][0])
    from gcvos_function.timings import Timings

    answer = other.answer({"image": image, "shapes": [[8, 10, 22, 24]]}, Timings())
    with pytest.raises(Refusal, match="is of model") as refused:
        ask(function, image, [None], [json.dumps(answer["states"][0])])
    assert refused.value.status == 400


def failing(error):
    def fail(*_):
        raise error

    return fail


def test_out_of_memory_is_503_and_the_process_lives(function, clip, monkeypatch):
    import torch

    for error in (
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(function.tracker.model, "encode", failing(error))
            status, headers, text = refusal(function)
        assert status == 503
        assert int(headers["Retry-After"]) > 0
        assert "out of memory" in text
    assert track(function, clip[0][:2], [[8, 10, 22, 24]])


def test_our_own_faults_are_500_with_the_traceback_in_the_log_alone(function, monkeypatch):
    lines = []
    monkeypatch.setattr(function.context.logger, "error", lines.append)
    monkeypatch.setattr(function.tracker.model, "encode", failing(KeyError("the cause")))
    status, _, text = refusal(function)
    assert status == 500
    assert "the cause" not in text
    assert "KeyError: 'the cause'" in lines[0]


def test_the_log_level(function, clip, monkeypatch):
    from dataclasses import replace

    lines = []
    for level in ("debug", "info", "warn", "error"):
        monkeypatch.setattr(function.context.logger, level, lambda message, level=level: lines.append(level))
    settings = function.tracker.settings
    for wanted, expected in (("debug", ["debug", "warn"]), ("info", ["warn"]), ("error", [])):
        monkeypatch.setattr(function.tracker, "settings", replace(settings, log_level=wanted))
        lines.clear()
        ask(function, encode_image(clip[0][0]), [[8, 10, 22, 24]])
        refusal(function, image=None)
        assert lines == expected


def test_bad_settings_end_the_worker_with_the_cause(function, monkeypatch):
    from gcvos_model.errors import GCVOSError

    monkeypatch.setenv("GCVOS_MODEL", "gcvos-none")
    with pytest.raises(GCVOSError, match="gcvos-none"):
        function.module.init_context(function.context)
