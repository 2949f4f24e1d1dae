"""The function in processes of its own, behind a server with nuclio's rules."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cvat_sdk.masks import encode_mask
from cvat_side import ask, encode_image, mask_of, post, track, track_to_end
from function_folder import FUNCTION, SHORT_SIDE
from nuclio_server import NuclioServer
from PIL import Image

from gcvos_model.cli import main
from gcvos_model.masks import read_label_png, write_label_png

MASK = {"type": "mask", "points": [0, 196, 8, 10, 21, 23]}
DRAWN = [
    MASK,
    {"type": "rectangle", "points": [30, 30, 50, 44]},
    {"type": "polygon", "points": [2, 30, 20, 30, 9, 45]},
]


@pytest.fixture(scope="module")
def server(environment):
    with NuclioServer(FUNCTION, environment, workers=2, max_body=96 << 20) as server:
        yield server


def test_the_process_answers_as_the_function_in_memory(server, function, clip):
    frames, _ = clip
    assert track(post(server.url), frames, DRAWN) == track(function, frames, DRAWN)


def test_masks_over_http_are_those_of_gcvos_propagate(server, function, checkpoint, clip, tmp_path):
    """With all that lies between: PNG, run lengths, JSON, base64, two processes."""
    frames, masks = clip
    second = np.zeros_like(masks[0])
    second[30:40, 40:60] = True
    (tmp_path / "clip").mkdir()
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / "clip" / f"{index:05d}.png")
    write_label_png(tmp_path / "first.png", masks[0] + 2 * second.astype(np.uint8))
    options = ["--model", checkpoint, "--device", "cpu", "--precision", "float32", "--short-side", SHORT_SIDE]
    files = [tmp_path / "clip", "--mask", tmp_path / "first.png", "--out", tmp_path / "out"]
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in ("propagate", *files, *options)])
    assert not ended.value.code
    drawn = [{"type": "mask", "points": encode_mask(mask)} for mask in (masks[0], second)]
    rows = track(post(server.url), frames, drawn)
    for index, (one, two) in enumerate(rows):
        labels = read_label_png(tmp_path / "out" / f"{index:05d}.png")
        assert np.array_equal(mask_of(one, labels.shape) + 2 * mask_of(two, labels.shape), labels)
    assert labels.any()


def test_frames_spread_over_two_workers(server, clip):
    """The last free worker answers, so one request kept waiting makes the other one answer the next."""
    frames, _ = clip
    call = post(server.url)
    expected = track_to_end(call, frames, DRAWN)
    found, states = ask(call, encode_image(frames[0]), DRAWN)
    rows = [found]
    for index, frame in enumerate(frames[1:]):
        held = server.take() if index % 2 else None
        found, states = ask(call, encode_image(frame), [None] * 3, states)
        if held:
            server.give(held)
        rows.append(found)
    assert (rows, states) == expected
    assert len({process for process, _ in server.served}) == 2


def test_workers_that_are_restarted_between_frames(server, clip):
    frames, _ = clip
    call = post(server.url)
    expected = track_to_end(call, frames[:4], DRAWN)
    found, states = ask(call, encode_image(frames[0]), DRAWN)
    rows = [found]
    for index, frame in enumerate(frames[1:4]):
        if index == 1:
            server.restart_workers()
        found, states = ask(call, encode_image(frame), [None] * 3, states)
        rows.append(found)
    assert (rows, states) == expected


def test_500_frames_at_flat_cost_and_state(server, clip):
    frames, _ = clip
    call = post(server.url)
    images = [encode_image(frame) for frame in frames]
    _, states = ask(call, images[0], DRAWN)
    costs, sizes = [server.cpu_seconds()], set()
    for index in range(500):
        _, states = ask(call, images[index % len(images)], [None] * 3, states)
        sizes.add(tuple(map(len, states)))
        if index % 100 == 99:
            costs.append(server.cpu_seconds())
    assert len(sizes) == 1
    first, *_, last = np.diff(costs)
    assert last < 1.3 * first


def test_requests_at_the_same_time(server, clip):
    frames, _ = clip
    call = post(server.url)
    expected = track(call, frames[:3], DRAWN)
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda _: track(call, frames[:3], DRAWN), range(6))) == [expected] * 6


def test_workers_outlive_bad_requests(server, function, monkeypatch, clip):
    """A worker that hangs would answer 408 and be another process after; one that dies takes the server along."""
    from test_properties import REQUESTS, requests

    images = [encode_image(frame) for frame in clip[0][:2]]
    _, states = ask(function, images[0], DRAWN)
    processes, before = server.processes(), len(server.served)
    call = post(server.url)
    for body in requests((images, DRAWN, [json.loads(state) for state in states]), REQUESTS):
        status, _, content = call(body)
        assert status in (200, 400, 413, 422)
        json.loads(content)
    assert len(server.served) - before == REQUESTS
    assert server.processes() == processes
    assert server.alive


TOY = """
import os, time

def init_context(context):
    context.user_data.count = 0

def handler(context, event):
    context.user_data.count += 1
    what = event.body["do"] if isinstance(event.body, dict) else "bytes"
    if what == "raise":
        raise ValueError("the cause")
    if what == "die":
        os._exit(1)
    if what == "sleep":
        time.sleep(60)
    return f"{what} {context.user_data.count}"
"""


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "main.py").write_text(TOY, encoding="utf-8")
    with NuclioServer(tmp_path, event_timeout=2.0, wait=0.3, max_body=1000) as server:
        yield server


def do(server, what, content_type="application/json"):
    return post(server.url)(json.dumps({"do": what}).encode(), content_type)


def test_the_stand_in_keeps_the_rules_of_nuclio(toy):
    assert do(toy, "hello")[::2] == (200, b"hello 1")
    assert do(toy, "hello", "application/json; charset=utf-8")[::2] == (200, b"bytes 2")
    assert do(toy, "x" * 1000)[0] == 400
    status, headers, body = do(toy, "raise")
    assert (status, headers["Content-Type"]) == (500, "text/plain")
    assert b"ValueError: the cause" in body
    assert do(toy, "sleep")[0] == 408
    assert do(toy, "hello")[::2] == (200, b"hello 1")  # a new process
    with ThreadPoolExecutor(2) as pool:
        assert sorted(answer[0] for answer in pool.map(lambda _: do(toy, "sleep"), range(2))) == [408, 503]
    assert do(toy, "die")[0] == 500
    assert not toy.alive
