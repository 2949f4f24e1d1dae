"""Random and mutated requests: only 200, 400, 413 and 422, and never a 500; mutated states: refused, or the same."""

import base64
import copy
import json
import random

import numpy as np
import pytest
from cvat_side import ask, encode_image

REQUESTS = 2000
STATES = 2000
NASTY = [
    None, True, 0, -1, 1e308, -1e308, 10**30, 0.5, "", "x", "ä\ud800", [], {}, [[]], [None], {"type": "mask"},
    "rectangle", [1, 2, 3, 4], [0, 4, 0, 0, 1, 1], float("nan"), float("inf"), "A" * 64, [1e9] * 8,
]  # fmt: skip


@pytest.fixture(scope="module")
def material(function):
    """Valid parts to build requests of: images, shapes, states."""
    generator = np.random.default_rng(0)
    frames = [
        generator.integers(0, 255, size, np.uint8)
        for size in ((20, 24, 3), (20, 24, 3), (16, 40, 3), (1, 90, 3))
    ]
    images = [encode_image(frame) for frame in frames] + [encode_image(frames[0], format="JPEG")]
    shapes = [
        {"type": "rectangle", "points": [2, 2, 12, 14]},
        {"type": "polygon", "points": [1, 1, 15, 2, 9, 15.5]},
        {"type": "mask", "points": [0, 9, 4, 4, 6, 6]},
        [3, 3, 9, 9],
    ]
    states = [json.loads(state) for state in ask(function, images[0], shapes)[1]]
    return images, shapes, states


def random_request(rng, images, shapes, states):
    count = rng.randrange(4)
    chosen, kept = [], []
    for _ in range(count):
        going_on = rng.random() < 0.5
        chosen.append(None if going_on else json.loads(json.dumps(rng.choice(shapes))))
        kept.append(rng.choice(states) if going_on else None)
    return {"image": rng.choice(images), "shapes": chosen, "states": kept}


def places(value, path=()):
    """Every place inside a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def mutate(rng, request):
    """Change one place of a request: replace, remove, repeat, or scramble it."""
    path = rng.choice(list(places(request)))
    if not path:
        return copy.deepcopy(rng.choice(NASTY))
    holder = request
    for key in path[:-1]:
        holder = holder[key]
    key, kind = path[-1], rng.randrange(4)
    value = holder[key]
    if kind == 0 or (kind == 3 and not isinstance(value, (str, int, float))):
        holder[key] = copy.deepcopy(rng.choice(NASTY))
    elif kind == 1:
        del holder[key]
    elif kind == 2 and isinstance(holder, list):
        holder.insert(key, value)
    elif isinstance(value, str) and value:
        at = rng.randrange(len(value))
        holder[key] = value[:at] + rng.choice(["", "A", "=", "\n", value[at:] * 2]) + value[at + 1 :]
    elif isinstance(value, (int, float)):
        holder[key] = rng.choice([-value, value * 1000, value + 0.25, value - 100, value + 100])
    return request


def random_bytes(rng, body):
    """Damage the body itself: cut it, flip bits of it, or put other bytes in."""
    body = bytearray(body)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(body))
        kind = rng.randrange(3)
        if kind == 0:
            del body[at : at + rng.choice([1, 10, 10_000])]
        elif kind == 1:
            body[at] ^= 1 << rng.randrange(8)
        else:
            body[at:at] = rng.randbytes(rng.randrange(1, 20))
        if not body:
            return b""
    return bytes(body)


def requests(material, count):
    rng = random.Random(0)
    for _ in range(count):
        request = random_request(rng, *material)
        for _ in range(rng.choice([0, 1, 1, 2, 5])):
            if isinstance(request, dict):
                request = mutate(rng, request)
        body = json.dumps(request).encode()
        yield random_bytes(rng, body) if rng.random() < 0.2 else body


def test_requests_never_fail_in_a_way_of_our_own(function, material, monkeypatch):
    errors = []
    monkeypatch.setattr(function.context.logger, "error", errors.append)
    monkeypatch.setattr(function.context.logger, "warn", lambda message: None)
    seen = {}
    for body in requests(material, REQUESTS):
        status, _, answer = function(body)
        assert status in (200, 400, 413, 422), (body[:500], errors)
        json.loads(answer)
        seen[status] = seen.get(status, 0) + 1
    assert seen[200] > REQUESTS / 10  # else nothing but the first check was tried
    assert seen[400] > REQUESTS / 10
    assert seen[422] > 5


def test_mutated_states_are_refused_or_the_same(function, material, monkeypatch):
    monkeypatch.setattr(function.context.logger, "warn", lambda message: None)
    images, _, states = material
    truth = {state: ask(function, images[1], [None], [json.dumps(state)]) for state in states}
    rng = random.Random(1)
    refused = 0
    for _ in range(STATES):
        state = rng.choice(states)
        data, kind = bytearray(base64.b64decode(state)), rng.randrange(5)
        at = rng.choice([rng.randrange(len(data)), rng.randrange(120)])  # the header as often as all the rest
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at : at + rng.randrange(1, 100)]
        elif kind == 2:
            data[at:at] = rng.randbytes(rng.randrange(1, 100))
        elif kind == 3:
            other = base64.b64decode(rng.choice(states))
            data[at : at + 64] = other[at : at + 64]
        text = base64.b64encode(data).decode()
        if kind == 4:
            text = state[:at] + rng.choice("ABC/+=x\n") + state[at + 1 :]
        body = json.dumps({"image": images[1], "shapes": [None], "states": [text]}).encode()
        status, _, answer = function(body)
        if status == 200:
            answer = json.loads(answer)
            assert (answer["shapes"], [json.dumps(answer["states"][0])]) == truth[state]
        else:
            assert status == 400
            refused += 1
    assert STATES / 2 < refused < STATES
