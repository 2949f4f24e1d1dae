import json

import numpy as np
import pytest
import torch

pytest.importorskip("cvat_sdk", reason="needs the extra 'cvat'")

from cvat_stand_in import PASSWORD, TOKEN, CvatStandIn

from gcvos_model import Propagator
from gcvos_model.checkpoints import save_checkpoint
from gcvos_model.cli import cvat_target
from gcvos_model.cli.cvat_shapes import Shape, mask_to_shape, shape_to_mask

CAR = {
    "id": 1,
    "name": "car",
    "type": "any",
    "attributes": [
        {"id": 11, "name": "colour", "mutable": False, "input_type": "select", "default_value": "red", "values": ["red"]},
        {"id": 12, "name": "parked", "mutable": True, "input_type": "checkbox", "default_value": "false", "values": []},
    ],
}  # fmt: skip
PERSON = {"id": 2, "name": "person", "type": "polygon", "attributes": []}
BOX = {"type": "rectangle", "frame": 4, "label_id": 1, "points": [8.0, 10.0, 22.0, 24.0]}
POLYGON = {
    "type": "polygon",
    "frame": 4,
    "label_id": 2,
    "points": [40.0, 30.0, 60.0, 30.0, 60.0, 44.0, 40.0, 44.0],
}
MASK = {"type": "mask", "frame": 4, "label_id": 1, "points": [0.0, 60.0, 30.0, 2.0, 39.0, 7.0], "group": 0}
FRAMES = 12


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    background = generator.integers(0, 90, (48, 64, 3), np.uint8)
    square = generator.integers(160, 255, (14, 14, 3), np.uint8)
    frames = {}
    for number in range(FRAMES):
        frames[number] = background.copy()
        frames[number][6 + number : 20 + number, 3 * number : 3 * number + 14] = square
    return frames


@pytest.fixture
def serve(images, monkeypatch, tmp_path):
    """Start a stand-in with some annotations; credentials as cvat-cli has them; no waiting."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(cvat_target, "RETRY_DELAYS", (0.0, 0.0, 0.0))
    monkeypatch.setattr("urllib3.util.Retry.sleep", lambda *_: None)  # the SDK's own
    servers = []

    def start(*shapes, labels=(CAR, PERSON), **options):
        servers.append(CvatStandIn(images, list(labels), shapes, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def checkpoint(tiny_model, tmp_path_factory):
    """Random weights that see the object wherever it is looked for: the shapes of one that is lost are another matter."""
    path = tmp_path_factory.mktemp("sure") / "sure.safetensors"
    tensors = dict(tiny_model.state_dict())
    tensors["decoder.predict.bias"] = tensors["decoder.predict.bias"] + 3
    save_checkpoint(path, tiny_model.config, tensors, {"minutes": 0}, torch.float32)
    return path


@pytest.fixture
def track(gcvos, checkpoint):
    def run(server, *arguments, task=True):
        where = ("--task", 7) if task else ("--job", 3)
        return gcvos(
            "cvat", "track", *where, "--frame", 4, "--model", checkpoint, "--device", "cpu", "--precision", "float32",
            "--short-side", 32, "--server-host", server.url, *arguments,
        )  # fmt: skip

    return run


@pytest.fixture
def expected(images, checkpoint):
    """What the core finds of a shape drawn on frame 4: frame number to mask."""
    from gcvos_model import load_model

    network = load_model(checkpoint, device="cpu", precision="float32")

    def masks(numbers, *shapes):
        propagator = Propagator(network, short_side=32)
        drawn = {
            number: shape_to_mask(Shape(shape["type"], shape["points"]), images[4], None)
            for number, shape in enumerate(shapes, 1)
        }
        propagator.annotate(images[4], drawn)
        return {number: propagator.step(images[number]).labels for number in numbers}

    return masks


def keyframes(track):
    return {shape["frame"]: None if shape["outside"] else shape["points"] for shape in track["shapes"]}


def tracks_expected(labels, shape_type, last):
    """Keyframes as `track_request` should make them from the label maps."""
    shapes, seen = {}, None
    for number in sorted(labels):
        shape = mask_to_shape(labels[number] == 1, shape_type)
        if shape is not None:
            shapes[number] = shape.points
        elif seen is not None:
            shapes[number] = None
        seen = shape
    if seen is not None and max(labels) < last:
        shapes[max(labels) + 1] = None
    return shapes


def test_forward(serve, track, expected):
    server = serve(POLYGON)
    code, out, err = track(server, "--frames", 4)
    assert (code, err) == (0, "")
    assert "Added to task 7" in out
    (made,) = server.annotations["tracks"]
    assert (made["label_id"], made["source"], made["frame"]) == (2, "auto", 5)
    assert {shape["type"] for shape in made["shapes"]} == {"polygon"}
    assert keyframes(made) == tracks_expected(expected(range(5, 9), POLYGON), "polygon", 11)
    assert keyframes(made)[9] is None  # ends, or it would run to the last frame


def test_to_the_end_there_is_nothing_to_end(serve, track):
    server = serve(POLYGON)
    assert track(server)[0] == 0
    assert max(keyframes(server.annotations["tracks"][0])) == 11


def test_backward_ends_where_the_shape_was_drawn(serve, track, expected):
    server = serve(POLYGON)
    assert track(server, "--direction", "backward", "--frames", 2)[0] == 0
    (made,) = server.annotations["tracks"]
    assert keyframes(made) == tracks_expected(expected([3, 2], POLYGON), "polygon", 11)
    assert keyframes(made)[4] is None


def test_both_ways_is_one_track_with_a_gap_where_the_shape_stands(serve, track):
    server = serve(POLYGON)
    assert track(server, "--direction", "both", "--frames", 2)[0] == 0
    (made,) = server.annotations["tracks"]
    assert {number: points is None for number, points in keyframes(made).items()} == {
        2: False, 3: False, 4: True, 5: False, 6: False, 7: True,
    }  # fmt: skip


def test_what_is_there_is_not_touched(serve, track):
    server = serve(BOX, POLYGON, MASK)
    before = json.dumps(server.annotations["shapes"])
    assert track(server, "--frames", 2)[0] == 0
    assert json.dumps(server.annotations["shapes"][:3]) == before
    assert {method for method, _ in server.asked} == {"GET", "PATCH"}


def test_types_and_groups(serve, track):
    server = serve(BOX, POLYGON, MASK, {**MASK, "points": [0.0, 64.0, 2.0, 38.0, 9.0, 45.0], "group": 5})
    assert track(server, "--frames", 3)[0] == 0
    assert [made["shapes"][0]["type"] for made in server.annotations["tracks"]] == ["rectangle", "polygon"]
    masks = server.annotations["shapes"][4:]
    assert {shape["type"] for shape in masks} == {"mask"}
    assert {shape["group"] for shape in masks} <= {5, 6}  # its own, and the next that is free
    assert 6 in {shape["group"] for shape in masks}


def test_as_masks(serve, track, expected):
    server = serve(POLYGON, labels=[CAR, {**PERSON, "type": "any"}])
    assert track(server, "--frames", 3, "--as", "mask")[0] == 0
    assert server.annotations["tracks"] == []
    labels = expected(range(5, 8), POLYGON)
    made = {shape["frame"]: shape["points"] for shape in server.annotations["shapes"][1:]}
    assert made == {
        number: mask_to_shape(labels[number] == 1, "mask").points
        for number in labels
        if (labels[number] == 1).any()
    }
    assert {shape["group"] for shape in server.annotations["shapes"][1:]} == {1}


def test_attributes_of_the_shape_or_the_defaults_of_the_label(serve, track):
    drawn = {**POLYGON, "label_id": 1, "attributes": [{"spec_id": 12, "value": "true"}]}
    server = serve(drawn)
    assert track(server, "--frames", 3)[0] == 0
    (made,) = server.annotations["tracks"]
    assert made["attributes"] == [{"spec_id": 11, "value": "red"}]
    assert [shape["attributes"] for shape in made["shapes"]][:2] == [[{"spec_id": 12, "value": "true"}], []]


def test_choosing_shapes(serve, track):
    server = serve(BOX, POLYGON, {**POLYGON, "frame": 5})
    assert track(server, "--frames", 1, "--label", "person")[0] == 0
    assert [made["label_id"] for made in server.annotations["tracks"]] == [2]
    assert track(server, "--frames", 1, "--id", server.annotations["shapes"][0]["id"])[0] == 0
    assert [made["label_id"] for made in server.annotations["tracks"]] == [2, 1]


def test_the_bounds_of_a_job(serve, track):
    server = serve(POLYGON, job=(3, 7))
    assert track(server, "--direction", "both", task=False)[0] == 0
    (made,) = server.annotations["tracks"]
    assert (min(keyframes(made)), max(keyframes(made))) == (3, 7)
    fetched = {int(path.split("number=")[1].split("&")[0]) for _, path in server.asked if "number=" in path}
    assert fetched == {3, 4, 5, 6, 7}


def test_deleted_frames_are_passed_over(serve, track, expected):
    server = serve(POLYGON, deleted=[6, 9])
    assert track(server, "--frames", 3)[0] == 0
    (made,) = server.annotations["tracks"]
    assert keyframes(made) == tracks_expected(expected([5, 7, 8], POLYGON), "polygon", 11)
    assert keyframes(made)[9] is None
    assert not any("number=6" in path for _, path in server.asked)


def test_dry_run(serve, track):
    server = serve(BOX, POLYGON)
    code, out, _ = track(server, "--frames", 3, "--dry-run")
    assert code == 0
    assert server.annotations["tracks"] == []
    assert {method for method, _ in server.asked} == {"GET"}
    assert "person" in out
    assert "polygon track" in out
    assert "Nothing was sent" in out


@pytest.mark.parametrize("fault", ["before", "after", 502, 503, 500])
def test_reading_is_tried_again(serve, track, fault):
    server = serve(POLYGON)
    for path in (r"/tasks/7$", "labels", "meta", "number=4", "number=5", "annotations"):
        server.faults += [("GET", path, fault)] * 2
    assert track(server, "--frames", 3)[0] == 0
    assert not server.faults
    assert len(server.annotations["tracks"]) == 1


@pytest.mark.parametrize("fault", ["before", "after", 502, 504, 500])
def test_a_lost_answer_never_doubles_a_track(serve, track, fault):
    server = serve(BOX, POLYGON, MASK)
    server.faults += [("PATCH", "annotations", fault)] * 3
    code, _out, _ = track(server, "--frames", 3)
    assert code == 0
    assert not server.faults
    assert len(server.annotations["tracks"]) == 2
    masks = server.annotations["shapes"][3:]
    assert len({shape["frame"] for shape in masks}) == len(masks)


def test_the_same_command_twice_adds_twice(serve, track):
    """Looking for what has arrived must not mistake an earlier run's tracks for this one's."""
    server = serve(POLYGON)
    assert track(server, "--frames", 3)[0] == 0
    server.faults += [("PATCH", "annotations", "before")]
    assert track(server, "--frames", 3)[0] == 0
    assert len(server.annotations["tracks"]) == 2


def test_what_cannot_be_sent_is_kept_and_sent_later(serve, track, gcvos, tmp_path):
    server = serve(BOX, POLYGON)
    server.faults += [("PATCH", "annotations", "after"), *[("PATCH", "annotations", "before")] * 9]
    code, _, err = track(server, "--frames", 3)
    assert code == 1
    assert "1 of 2 requests were sent" in err
    (kept,) = tmp_path.glob("gcvos-unsent-*.json")
    assert str(kept.name) in err
    server.faults.clear()
    code, _out, err = gcvos("cvat", "send", kept, "--server-host", server.url)
    assert (code, err) == (0, "")
    assert len(server.annotations["tracks"]) == 2
    assert not kept.exists()


def test_a_frame_that_cannot_be_read_ends_the_tracks_before_it(serve, track):
    server = serve(POLYGON)
    del server.images[7]
    server.images[12] = server.images[11]
    code, out, _ = track(server)
    assert code == 1
    assert "frame 7 cannot be fetched" in " ".join(out.split())
    assert max(keyframes(server.annotations["tracks"][0])) <= 7


@pytest.mark.parametrize(
    ("arguments", "shapes", "message"),
    [
        (["--label", "dog"], [BOX], "no label 'dog'; there are car, person"),
        (["--id", "9"], [BOX], "no shape 9 on frame 4; there are 101"),
        ([], [], "no shape to carry on"),
        ([], [{**BOX, "type": "polyline"}], "the chosen ones are polyline"),
        (["--as", "mask"], [POLYGON], "allows shapes of the type polygon only, not mask"),
        (["--as", "ellipse"], [BOX], "expected same, rectangle, polygon, mask"),
        (["--direction", "up"], [BOX], "expected forward, backward or both"),
        (["--frame", "40"], [BOX], "task 7 has no frame 40"),
        (["--frame", "11"], [{**BOX, "frame": 11}], "no frame to carry the shapes of frame 11 on to"),
        (["--model", "gcvos-none"], [BOX], "unknown model 'gcvos-none'"),
        (["--user", "me:secret"], [BOX], "the user's name alone"),
    ],
)
def test_refusals(serve, track, arguments, shapes, message):
    server = serve(*shapes)
    code, _, err = track(server, *arguments)
    assert code == 2
    assert message in " ".join(err.split())
    assert "Traceback" not in err
    assert {method for method, _ in server.asked} <= {"GET"}


def test_jobs_of_picked_frames_are_no_clip(serve, track):
    code, _, err = track(serve(BOX, included=[10, 14]), task=False)
    assert code == 2
    assert "ground truth job" in err


def test_no_task(serve, gcvos):
    code, _, err = gcvos("cvat", "track", "--task", 8, "--frame", 1, "--server-host", serve().url)
    assert (code, "404" in err) == (2, True)


def test_a_refused_log_in_shows_no_secret(serve, track, monkeypatch):
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", "wrong-token")
    code, out, err = track(serve(BOX))
    assert code == 2
    assert "401" in err
    assert "wrong-token" not in out + err


def test_a_password_from_the_environment(serve, track, monkeypatch):
    monkeypatch.delenv("CVAT_ACCESS_TOKEN")
    monkeypatch.setenv("PASS", PASSWORD)
    server = serve(POLYGON)
    code, out, err = track(server, "--user", "me", "--frames", 1)
    assert code == 0
    assert PASSWORD not in out + err
    monkeypatch.setenv("PASS", "wrong-password")
    code, out, err = track(server, "--user", "me", "--frames", 1)
    assert code == 2
    assert "wrong-password" not in out + err


def test_a_server_that_is_not_there(track, serve):
    server = serve(BOX)
    server.close()
    code, _, err = track(server)
    assert code == 2
    assert "does not answer" in err
    assert "Traceback" not in err
