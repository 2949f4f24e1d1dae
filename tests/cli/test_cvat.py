import json

import pytest

pytest.importorskip("cvat_sdk", reason="needs the extra 'cvat'")

from cvat_scene import BOX, CAR, MASK, PERSON, POLYGON, keyframes

from gcvos_model.cli.cvat_shapes import mask_to_shape


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
