"""What goes wrong between `gcvos cvat track` and a server, and what is refused."""

import pytest

pytest.importorskip("cvat_sdk", reason="needs the extra 'cvat'")

from cvat_scene import BOX, MASK, POLYGON, keyframes
from cvat_stand_in import PASSWORD


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
