"""Video files that are whole: frame numbers, ranges, rotation, memory."""

import struct
import tracemalloc

import numpy as np
import pytest
from small_videos import COUNT, QUIET, SIZE, VARIABLE, decode_plainly, encode, same

from gcvos_model.errors import InputError, MediaError
from gcvos_model.video import VideoFile, VideoWriter, open_source, video_file


def test_a_video_tells_what_it_is(videos):
    with open_source(videos / "plain.mp4") as source:
        assert isinstance(source, VideoFile)
        assert source.size == SIZE
        assert source.fps == 25
        assert source.frame_count == COUNT
        assert source.names is None


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("plain.mp4", {}),
        ("variable.mp4", {"durations": VARIABLE}),
        ("variable.mkv", {"durations": VARIABLE}),
        ("open_gop.mkv", {"options": {"x264-params": "open-gop=1:log-level=error"}}),
        ("refreshed.mp4", {"options": {"x264-params": "intra-refresh=1:log-level=error"}}),
        ("stream.ts", {"codec": "mpeg2video"}),
        ("b_frames.avi", {"codec": "mpeg4", "options": {"bf": "2"}}),
        ("hidden_frames.webm", {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "16"}}),
    ],
)
def test_frame_numbers_are_those_of_a_plain_decode(tmp_path, name, settings):
    path = encode(tmp_path / name, **({"options": QUIET} if settings.get("codec") is None else {}) | settings)
    plain = decode_plainly(path)
    source = open_source(path)
    ours = list(source.frames())
    assert [index for index, _ in ours] == list(range(COUNT))
    assert same(ours, plain)
    for index in (0, 1, 11, 12, 13, 30, 47, COUNT - 1):
        assert np.array_equal(source.frame(index), plain[index]), index
    part = list(source.frames(17, 29))
    assert [index for index, _ in part] == list(range(17, 29))
    assert same(part, plain)
    assert source.count_frames() == COUNT


def test_a_start_in_the_middle_does_not_decode_all_before(videos, monkeypatch):
    decoded = []
    source = open_source(videos / "plain.mp4")
    source.frame(1)  # reads the times

    def counted(*arguments, **options):
        for frame in original(*arguments, **options):
            decoded.append(frame.pts)
            yield frame

    original = video_file.decode
    monkeypatch.setattr(video_file, "decode", counted)
    source.frame(50)
    assert len(decoded) <= 4 * 12  # a few groups of pictures, in whichever the seek lands


def test_ranges_like_slices(videos):
    source = open_source(videos / "plain.mp4")
    assert list(source.frames(5, 5)) == []
    assert list(source.frames(COUNT)) == []
    assert list(source.frames(COUNT + 500, COUNT + 600)) == []
    assert [index for index, _ in source.frames(COUNT - 2, COUNT + 9)] == [COUNT - 2, COUNT - 1]
    for start, stop in [(-1, None), (5, 4)]:
        with pytest.raises(InputError, match="0 <= start <= stop"):
            source.frames(start, stop)


def test_backward_is_forward_reversed(videos, monkeypatch):
    monkeypatch.setattr("gcvos_model.video.source.BACKWARD_BUFFER_FRAMES", 7)
    source = open_source(videos / "plain.mp4")
    plain = decode_plainly(source.path)
    for start, stop in [(0, None), (3, 41), (50, 500), (9, 9)]:
        backward = list(source.frames_backward(start, stop))
        assert [index for index, _ in backward] == list(range(start, min(stop or COUNT, COUNT)))[::-1]
        assert same(backward, plain)


def test_two_readers_do_not_disturb_each_other(videos):
    source = open_source(videos / "plain.mp4")
    plain = decode_plainly(source.path)
    pairs = list(zip(source.frames(0, 30), source.frames(20, 50), strict=True))
    assert same([first for first, _ in pairs], plain)
    assert same([second for _, second in pairs], plain)


def test_an_absent_frame_is_named(videos):
    source = open_source(videos / "plain.mp4")
    for index in (COUNT, -1):
        with pytest.raises(MediaError, match=rf"no frame {index}: .* 0 to {COUNT - 1}"):
            source.frame(index)


def test_a_wrong_frame_count_in_the_header_survives(videos, tmp_path):
    data = bytearray((videos / "plain.avi").read_bytes())
    for tag, offset in ((b"avih", 8 + 16), (b"strh", 8 + 32)):
        at = data.index(tag) + offset
        assert struct.unpack_from("<I", data, at)[0] == COUNT
        struct.pack_into("<I", data, at, 17)
    (tmp_path / "wrong.avi").write_bytes(data)
    source = open_source(tmp_path / "wrong.avi")
    assert source.frame_count != COUNT
    assert [index for index, _ in source.frames()] == list(range(COUNT))
    assert source.count_frames() == source.frame_count == COUNT


TURNS = {  # the matrix of a phone's note, and the same turn of an array
    "right": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "over": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "left": ((0, -1, 1, 0), lambda image: np.rot90(image, 1)),
    "mirror": ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
}


@pytest.mark.parametrize("turn", TURNS)
def test_rotation_in_the_metadata_is_honoured(videos, tmp_path, turn):
    (a, b, c, d), turned = TURNS[turn]
    data = bytearray((videos / "plain.mp4").read_bytes())
    box = data.index(b"tkhd")
    assert data[box + 4] == 0  # its version, which decides the layout
    struct.pack_into(">9i", data, box + 44, a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    (tmp_path / "turned.mp4").write_bytes(data)
    expected = turned(decode_plainly(videos / "plain.mp4")[20])
    source = open_source(tmp_path / "turned.mp4")
    assert source.size == expected.shape[:2]
    assert np.array_equal(source.frame(20), expected)


def test_memory_does_not_grow_with_the_video(tmp_path):
    path = tmp_path / "long.mp4"
    with VideoWriter(path, (240, 320)) as writer:
        for index in range(200):
            writer.write(np.full((240, 320, 3), index, np.uint8))
    source = open_source(path)
    tracemalloc.start()
    for _ in source.frames():
        pass
    for _ in source.frames_backward():
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * 240 * 320 * 3  # half of the frames; read backward it holds up to 64
