"""CVAT's side of the protocol: requests as `LambdaFunction.invoke` makes them, the state kept as JSON in between."""

import base64
import io
import json
import urllib.error
import urllib.request

import numpy as np
from cvat_sdk.masks import decode_mask
from PIL import Image


class Refusal(Exception):
    """Any status but 200."""

    def __init__(self, status, body, headers):
        super().__init__(f"{status}: {body!r}")
        self.status, self.body, self.headers = status, body, headers


def encode_image(frame, **options):
    """A frame as CVAT sends it: a PNG in base64, or what `options` of `Image.save` say."""
    image = frame if isinstance(frame, Image.Image) else Image.fromarray(frame)
    buffer = io.BytesIO()
    image.save(buffer, **{"format": "PNG", **options})
    return base64.b64encode(buffer.getvalue()).decode()


def post(url):
    """A function to ask over HTTP: body -> (status, headers, body)."""

    def call(body, content_type="application/json"):
        request = urllib.request.Request(url, body, {"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return response.status, dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    return call


def ask(call, image, shapes, states=(), **more):
    """One request; returns shapes and states, the states as the JSON text that the browser keeps."""
    states = [json.loads(state) if state is not None else None for state in states]
    body = json.dumps({"image": image, "shapes": shapes, "states": states, **more}).encode()
    status, headers, content = call(body)
    if status != 200:
        raise Refusal(status, content, headers)
    answer = json.loads(content)
    assert len(answer["shapes"]) == len(answer["states"]) == max(len(shapes), len(states))
    return answer["shapes"], [json.dumps(state) for state in answer["states"]]


def track(call, frames, shapes, **options):
    """Start on the first frame and step through the others, as the UI does; returns the shapes of every frame."""
    return track_to_end(call, frames, shapes, **options)[0]


def track_to_end(call, frames, shapes, **options):
    """As `track`; returns the states after the last frame too."""
    found, states = ask(call, encode_image(frames[0], **options), shapes)
    rows = [found]
    for frame in frames[1:]:
        found, states = ask(call, encode_image(frame, **options), [None] * len(states), states)
        rows.append(found)
    return rows, states


def mask_of(shape, size):
    """The mask (H, W) of a mask shape, empty where it is lost."""
    if shape is None:
        return np.zeros(size, bool)
    return decode_mask(shape["points"], image_height=size[0], image_width=size[1])
