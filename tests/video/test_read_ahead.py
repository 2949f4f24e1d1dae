"""Frames fetched in a thread ahead of their use."""

import threading
import time

import pytest
from small_videos import decode_plainly, same

from gcvos_model.errors import MediaError
from gcvos_model.video import open_source, read_ahead


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "read-ahead"]


def test_read_ahead_yields_the_same():
    assert list(read_ahead(range(100), size=3)) == list(range(100))
    assert list(read_ahead([])) == []
    assert not threads()


def test_read_ahead_fetches_no_more_than_it_may():
    fetched = []

    def items():
        for item in range(50):
            fetched.append(item)
            yield item

    ahead = read_ahead(items(), size=4)
    assert next(ahead) == 0
    deadline = time.monotonic() + 5
    while len(fetched) < 6 and time.monotonic() < deadline:  # 1 taken, 4 waiting, 1 in hand
        time.sleep(0.001)
    time.sleep(0.05)
    assert len(fetched) == 6
    ahead.close()


def test_read_ahead_raises_after_the_items_before():
    def items():
        yield 1
        yield 2
        raise MediaError("stopped at frame 2")

    got = []
    with pytest.raises(MediaError, match="stopped at frame 2"):
        got.extend(read_ahead(items()))
    assert got == [1, 2]
    with pytest.raises(TypeError):
        list(read_ahead(5))
    assert not threads()


@pytest.mark.parametrize("taken", [1, 2, 10])
def test_read_ahead_stops_with_its_consumer(taken):
    closed = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(threading.current_thread().name)

    ahead = read_ahead(items(), size=2)
    for _ in range(taken):
        next(ahead)
    ahead.close()
    assert closed == ["read-ahead"]
    assert not threads()


def test_read_ahead_of_a_video(videos):
    source = open_source(videos / "plain.mp4")
    assert same(read_ahead(source.frames()), decode_plainly(source.path))
