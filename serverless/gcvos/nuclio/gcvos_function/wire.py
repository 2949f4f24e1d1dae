"""CVAT's tracker protocol: the request, checked field by field, and the response.

The protocol is what `LambdaFunction.invoke` in `cvat/apps/lambda_manager/views.py` sends and expects.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gcvos_function.errors import RequestError, TooLargeError
from gcvos_model.cli.cvat_shapes import SHAPE_TYPES, Shape


@dataclass(frozen=True)
class Item:
    """One object of a request: either it starts from `shape`, or it continues from `state`."""

    shape: Shape | None
    state: str | None
    legacy: bool = False
    """A rectangle sent as bare [x1, y1, x2, y2], to be answered so (functions without
    `supported_shape_types`).
    """


@dataclass(frozen=True)
class Request:
    """A checked request: the image in base64, and its objects in their order."""

    image: str
    items: tuple[Item, ...]


def parse_request(body: Any, max_objects: int) -> Request:
    """Check a request's body.

    A state always wins over a shape at the same place: older versions of CVAT's UI send both when they
    continue.

    Args:
        body: A dict, where nuclio has parsed the JSON (content type exactly `application/json`); else the raw
            bytes.
        max_objects: More objects than these are refused.

    Raises:
        RequestError: The body is not what CVAT sends; the message begins with the field's name.
        TooLargeError: Too many objects.
    """
    content = _parse_json(body)
    image, shapes, states = content.get("image"), content.get("shapes", []), content.get("states", [])
    if not isinstance(image, str) or not image:
        raise RequestError(f"image: expected a base64 string, got {_kind(image)}")
    for name, value in (("shapes", shapes), ("states", states)):
        if not isinstance(value, list):
            raise RequestError(f"{name}: expected a list, got {_kind(value)}")
    count = len(shapes) or len(states)
    if len(states) > count:
        raise RequestError(f"states: {len(states)} of them for {count} shapes")
    if count > max_objects:
        raise TooLargeError(f"shapes: {count} objects, the limit is {max_objects} (GCVOS_MAX_OBJECTS)")
    shapes = shapes or [None] * count
    states = states + [None] * (count - len(states))
    return Request(image, tuple(_parse_item(index, shapes[index], states[index]) for index in range(count)))


def _parse_json(body: Any) -> dict[str, Any]:
    if isinstance(body, (bytes, str)):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RequestError(f"body: not JSON ({error})") from None
    if not isinstance(body, dict):
        raise RequestError(f"body: expected a JSON object, got {_kind(body)}")
    return body


def _parse_item(index: int, shape: Any, state: Any) -> Item:
    if state is not None:
        if not isinstance(state, str):
            raise RequestError(f"states[{index}]: expected a string or null, got {_kind(state)}")
        return Item(shape=None, state=state)
    field = f"shapes[{index}]"
    if shape is None:
        raise RequestError(f"{field}: neither a shape nor a state was given")
    if isinstance(shape, list):
        return Item(Shape("rectangle", _parse_points(field, shape, "rectangle")), state=None, legacy=True)
    if not isinstance(shape, dict):
        raise RequestError(f"{field}: expected a shape, got {_kind(shape)}")
    kind = shape.get("type")
    if kind not in SHAPE_TYPES:
        raise RequestError(f"{field}.type: expected one of {', '.join(SHAPE_TYPES)}, got {str(kind)[:40]!r}")
    return Item(Shape(kind, _parse_points(f"{field}.points", shape.get("points"), kind)), state=None)


def _parse_points(field: str, points: Any, kind: str) -> list[float]:
    if not isinstance(points, list) or not all(_is_number(value) for value in points):
        raise RequestError(f"{field}: expected a list of finite numbers")
    if kind == "rectangle" and len(points) != 4:
        raise RequestError(f"{field}: a rectangle has 4 numbers, got {len(points)}")
    if kind == "polygon" and (len(points) < 6 or len(points) % 2):
        raise RequestError(f"{field}: a polygon has an even number of at least 6 numbers, got {len(points)}")
    return points


def _is_number(value: Any) -> bool:
    # NaN and infinity, which Python's JSON reader lets pass, are not between the two; True is an int
    return type(value) in (int, float) and -1e9 < value < 1e9


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__


def format_shape(shape: Shape | None, legacy: bool) -> Any:
    """Return a shape as CVAT wants it: None for a lost object, bare points where the rectangle came so."""
    if shape is None:
        return None
    return shape.points if legacy else {"type": shape.type, "points": shape.points}
