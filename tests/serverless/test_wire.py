import json

import pytest
from gcvos_function.errors import RequestError, TooLargeError
from gcvos_function.wire import format_shape, parse_request

from gcvos_model.cli.cvat_shapes import Shape

BOX = {"type": "rectangle", "points": [1, 2, 3, 4]}


def body(**fields):
    return {"image": "aGk=", "shapes": [BOX], "states": [], **fields}


def test_start():
    request = parse_request(body(), 10)
    assert request.image == "aGk="
    (item,) = request.items
    assert (item.shape, item.state, item.legacy) == (Shape("rectangle", [1, 2, 3, 4]), None, False)


def test_continue():
    (first, second) = parse_request(body(shapes=[None, None], states=["a", "b"]), 10).items
    assert (first.shape, first.state, second.state) == (None, "a", "b")


def test_bytes_are_parsed_as_nuclio_leaves_them():
    assert parse_request(json.dumps(body()).encode(), 10) == parse_request(body(), 10)


def test_starts_beside_continuations():
    shapes = [None, BOX, {"type": "polygon", "points": [0, 0, 4, 0, 4, 4]}]
    items = parse_request(body(shapes=shapes, states=["a", None]), 10).items
    assert [item.state for item in items] == ["a", None, None]
    assert [item.shape and item.shape.type for item in items] == [None, "rectangle", "polygon"]


def test_a_bare_rectangle_is_answered_as_one():
    (item,) = parse_request(body(shapes=[[1, 2, 3, 4]]), 10).items
    assert item.legacy
    assert format_shape(item.shape, item.legacy) == [1, 2, 3, 4]
    assert format_shape(item.shape, False) == BOX
    assert format_shape(None, False) is None


def test_a_state_wins_over_the_shape_beside_it():
    """Older versions of the UI send both on every step."""
    (item,) = parse_request(body(shapes=[[1, 2, 3, 4]], states=["a"]), 10).items
    assert (item.shape, item.state) == (None, "a")


def test_no_objects():
    assert parse_request(body(shapes=[], states=[]), 10).items == ()
    assert parse_request({"image": "aGk="}, 10).items == ()


def test_unknown_fields_are_left_alone():
    assert parse_request(body(threshold=0.5), 10) == parse_request(body(), 10)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"{", "body: not JSON"),
        (b"\xff\xfe", "body: not JSON"),
        (b"[" * 100_000, "body: not JSON"),
        (b"[]", "body: expected a JSON object, got list"),
        (None, "body: expected a JSON object, got nothing"),
        ({}, "image: expected a base64 string, got nothing"),
        (body(image=5), "image: expected a base64 string, got int"),
        (body(shapes={}), "shapes: expected a list, got dict"),
        (body(states="a"), "states: expected a list, got str"),
        (body(states=["a", "b"]), "states: 2 of them for 1 shapes"),
        (body(shapes=[None]), r"shapes\[0\]: neither a shape nor a state"),
        (body(shapes=[BOX, 7]), r"shapes\[1\]: expected a shape, got int"),
        (body(states=[{}]), r"states\[0\]: expected a string or null, got dict"),
        (body(shapes=[{"type": "ellipse", "points": [1, 2, 3, 4]}]), r"shapes\[0\].type: .*'ellipse'"),
        (body(shapes=[{"type": ["mask"], "points": [1, 2, 3, 4]}]), r"shapes\[0\].type"),
        (body(shapes=[{"type": "rectangle", "points": [1, 2, 3]}]), r"shapes\[0\].points: .* 4 numbers"),
        (body(shapes=[{"type": "polygon", "points": [1, 2, 3, 4, 5]}]), r"shapes\[0\].points: a polygon"),
        (body(shapes=[{"type": "polygon", "points": "123456"}]), r"shapes\[0\].points: .*finite numbers"),
        (body(shapes=[{"type": "rectangle", "points": [1, 2, 3, float("nan")]}]), "finite numbers"),
        (body(shapes=[{"type": "rectangle", "points": [1, 2, 3, float("inf")]}]), "finite numbers"),
        (body(shapes=[{"type": "rectangle", "points": [1, 2, 3, 10**400]}]), "finite numbers"),
        (body(shapes=[{"type": "rectangle", "points": [1, 2, 3, True]}]), "finite numbers"),
        (body(shapes=[[1, 2, 3, None]]), r"shapes\[0\]: .*finite numbers"),
    ],
)
def test_refusals_name_the_field(content, field):
    with pytest.raises(RequestError, match=field) as refusal:
        parse_request(content, 10)
    assert refusal.value.status == 400


def test_too_many_objects():
    with pytest.raises(TooLargeError, match="11 objects, the limit is 10") as refusal:
        parse_request(body(shapes=[BOX] * 11), 10)
    assert refusal.value.status == 413
