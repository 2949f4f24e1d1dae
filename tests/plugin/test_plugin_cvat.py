"""Through FiftyOne's CVAT integration, as far as its code goes without a server: what is sent, and what comes back."""

import fiftyone as fo
import numpy as np
import pytest
from made_up import SIZE, rendered
from packaging.version import Version

cvat = pytest.importorskip("fiftyone.utils.cvat")

FRAMES = 6
METADATA = {"width": SIZE[1], "height": SIZE[0]}


@pytest.fixture
def propagated(make_videos, run, never_lost):
    dataset = make_videos(frames=FRAMES, objects=2)
    run(dataset)
    sample = dataset.first()
    sample.metadata = fo.VideoMetadata(frame_width=SIZE[1], frame_height=SIZE[0], total_frame_count=FRAMES)
    sample.save()
    return dataset


def sent(dataset, field, label_type, attributes=()):
    """What the integration would upload: shapes and tracks."""
    api = cvat.CVATAnnotationAPI.__new__(cvat.CVATAnnotationAPI)
    api._server_version = Version("2.40")
    schema = {"thing": {name: {"mutable": True} for name in attributes}}
    info = {"type": label_type, "classes": ["thing"]}
    _, shapes, tracks = api._create_shapes_tags_tracks(
        dataset, f"frames.{field}", info, schema, None, None, None, load_tracks=True
    )
    return shapes, tracks


def received(shape, index=None):
    """The label that the integration makes of a shape."""
    attributes = {"thing": {a["spec_id"]: a["spec_id"] for a in shape["attributes"]}}
    shape = {**shape, "id": 1, "label_id": "thing"}
    return cvat.CVATShape(shape, {"thing": "thing"}, attributes, {}, METADATA, index=index)


def test_polygon_tracks_keep_identity_and_shape(propagated):
    for sample in propagated:
        for frame in sample.frames.values():
            outlines = []
            for label in frame.gc.detections:
                outline = label.to_polyline(tolerance=1)
                outline.index, outline.closed, outline.filled = label.index, True, True
                outlines.append(outline)
            frame["outlines"] = fo.Polylines(polylines=outlines)
        sample.save()
    shapes, tracks = sent(propagated, "outlines", "polygons")
    assert shapes == []
    assert len(tracks) == 2
    for track in tracks:
        assert [shape["frame"] for shape in track["shapes"] if not shape["outside"]] == list(range(FRAMES))
    frames = propagated.first().frames
    for index, track in enumerate(tracks, start=1):
        for shape in track["shapes"]:
            label = received(shape, index).to_polyline(closed=True, filled=True)
            back = label.to_segmentation(frame_size=SIZE[::-1], target=1).get_mask() > 0
            truth = rendered(frames[shape["frame"] + 1].gc) == index
            assert label.index == index
            assert (back & truth).sum() / (back | truth).sum() > 0.75


def test_masks_frame_by_frame_are_exact_and_keep_identity_as_an_attribute(propagated):
    for sample in propagated:
        for frame in sample.frames.values():
            masks = [label.copy() for label in frame.gc.detections]
            for label in masks:
                label["track"], label.index = label.index, None
            frame["masks"] = fo.Detections(detections=masks)
        sample.save()
    shapes, tracks = sent(propagated, "masks", "instances", attributes=["track"])
    assert tracks == []
    assert len(shapes) == 2 * FRAMES
    frames = propagated.first().frames
    for shape in shapes:
        assert shape["type"] == "mask"
        label = received(shape).to_instance()
        track = next(int(a["value"]) for a in shape["attributes"] if a["spec_id"] == "track")
        [sent_label] = [d for d in frames[shape["frame"] + 1].gc.detections if d.index == track]
        assert np.array_equal(label.mask, sent_label.mask)
        # FiftyOne gives the box back one pixel smaller, as CVAT counts its last pixel in.
        assert np.abs(np.subtract(label.bounding_box, sent_label.bounding_box)).max() < 1.01 / min(SIZE)


def test_masks_with_an_index_would_be_sent_as_tracks(propagated):
    """CVAT has no tracks of masks, so the documentation asks to move `index` into an attribute first."""
    shapes, tracks = sent(propagated, "gc", "instances")
    assert shapes == []
    assert {shape["type"] for track in tracks for shape in track["shapes"]} == {"mask"}
