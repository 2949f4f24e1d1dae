import contextlib
import struct
import threading
import time
import tracemalloc
from fractions import Fraction
from pathlib import PurePath

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gcvos_model.errors import InputError, MediaError
from gcvos_model.video import ImageFolder, VideoFile, VideoWriter, open_source, read_ahead, video_file
from gcvos_model.video.image_folder import natural_key, read_image
from gcvos_model.video.truncation import missing_bytes

SIZE = (48, 64)
COUNT = 60
VARIABLE = [40, 40, 120]  # milliseconds from frame to frame, over and over


def picture(index, size=SIZE):
    """A picture that compresses badly enough to spread a file's bytes over its frames."""
    noise = np.random.default_rng(index).integers(0, 120, (*size, 3), dtype=np.uint8)
    noise[: size[0] // 2] += np.uint8(index)
    return noise


def encode(path, codec="libx264", count=COUNT, durations=(40,), options=None, container_options=None):
    """Write a small video with a keyframe every 12 frames and B-frames where the codec has them."""
    if codec not in av.codecs_available:
        pytest.skip(f"this build of PyAV has no {codec}")
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        stream.gop_size = 12
        milliseconds = len(durations) > 1
        stream.codec_context.time_base = Fraction(1, 1000 if milliseconds else 25)
        moment = 0
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            frame.pts, frame.time_base = moment, stream.codec_context.time_base
            container.mux(stream.encode(frame))
            moment += durations[index % len(durations)] if milliseconds else 1
        container.mux(stream.encode())
    return path


QUIET = {"x264-params": "log-level=error"}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    encode(folder / "plain.mp4", options=QUIET, container_options={"movflags": "faststart"})
    encode(folder / "index_last.mp4", options=QUIET)
    encode(folder / "plain.mkv", options=QUIET)
    encode(folder / "plain.avi", codec="mpeg4")
    return folder


def decode_plainly(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def decodable(path):
    """How many frames a plain decode yields before it ends or fails."""
    count = 0
    with av.open(str(path)) as container, contextlib.suppress(av.error.FFmpegError):
        for _ in container.decode(video=0):
            count += 1
    return count


def same(ours, plain):
    """Whether (index, frame) pairs are the frames of these numbers."""
    return all(np.array_equal(frame, plain[index]) for index, frame in ours)


def cut(path, share, target):
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


# --- video files ------------------------------------------------------------------------------------------


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


# --- broken video files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain.mp4", "plain.mkv", "plain.avi"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_cut_file_yields_what_it_has_and_says_so(videos, tmp_path, name, share):
    source = open_source(cut(videos / name, share, tmp_path / name))
    plain = decode_plainly(videos / name)
    got = []
    with pytest.raises(MediaError, match="cut short") as caught:
        got.extend(source.frames())
    assert same(got, plain)
    # A plain decode stops before the frames that waited for their turn, or takes half a frame for one.
    assert decodable(source.path) - 1 <= len(got) <= decodable(source.path) + 3
    assert 0 < len(got) < COUNT
    assert f"stopped at frame {len(got)}" in str(caught.value)
    assert source.count_frames() == len(got)
    assert len(list(source.frames(0, len(got)))) == len(got)  # who stops before the end hears nothing
    with pytest.raises(MediaError, match=f"no frame|stopped at frame {len(got)}"):
        source.frame(len(got))


def test_damage_in_the_middle_keeps_the_frames_before(videos, tmp_path):
    data = bytearray((videos / "plain.mp4").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    (tmp_path / "damaged.mp4").write_bytes(data)
    plain = decode_plainly(videos / "plain.mp4")
    got = []
    with pytest.raises(MediaError, match=r"damaged.mp4 is damaged .* stopped at frame \d+"):
        got.extend(open_source(tmp_path / "damaged.mp4").frames())
    assert COUNT // 4 < len(got) < COUNT
    assert same(got[: COUNT // 4], plain)


def test_a_recording_that_begins_between_keyframes_is_read(tmp_path):
    whole = encode(tmp_path / "whole.h264", options=QUIET)  # a bare stream, which can be cut anywhere
    data = whole.read_bytes()
    second_keyframe = data.index(b"\0\0\1\x65", data.index(b"\0\0\1\x65") + 4)
    (tmp_path / "late.h264").write_bytes(data[second_keyframe - 4000 :])
    assert 30 <= open_source(tmp_path / "late.h264").count_frames() <= COUNT


def test_files_that_are_no_videos_are_refused_in_one_line(videos, tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video " * 100)
    cut(videos / "index_last.mp4", 0.8, tmp_path / "no_index.mp4")
    cut(videos / "plain.mp4", 0.02, tmp_path / "no_frame.mp4")
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
    for name, words in {
        "absent.mp4": "no such video",
        "empty.mp4": "is empty",
        "text.mp4": "cannot open",
        "no_index.mp4": "cannot open",
        "no_frame.mp4": "no frame",
        "sound.wav": "no video stream",
    }.items():
        with pytest.raises(MediaError, match=words) as caught:
            open_source(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_missing_bytes_are_counted_exactly(videos, tmp_path):
    for path in videos.iterdir():
        data = path.read_bytes()
        assert missing_bytes(path) == 0, path.name
        (tmp_path / path.name).write_bytes(data[:-100])
        # In the MP4 with its index last the final box is that index; all four formats end with a box that counts.
        assert missing_bytes(tmp_path / path.name) == 100, path.name


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([b"", b"RIFF", b"\x1a\x45\xdf\xa3", b"\0\0\0\x10ftyp"]), st.binary(max_size=64))
def test_missing_bytes_of_anything_is_a_count(tmp_path_factory, head, data):
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(head + data)
    assert missing_bytes(path) >= 0


# --- folders of images ------------------------------------------------------------------------------------


def test_a_folder_is_read_in_natural_order(tmp_path):
    for index in (10, 9, 1, 100):
        Image.fromarray(np.full((4, 6, 3), index, np.uint8)).save(tmp_path / f"frame{index}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "._frame1.png").write_bytes(b"what macOS leaves behind")
    (tmp_path / "folder.png").mkdir()
    source = open_source(tmp_path)
    assert isinstance(source, ImageFolder)
    assert source.names == ["frame1.png", "frame9.png", "frame10.png", "frame100.png"]
    assert (source.size, source.frame_count, source.count_frames()) == ((4, 6), 4, 4)
    assert [(index, int(frame[0, 0, 0])) for index, frame in source.frames()] == [
        (0, 1),
        (1, 9),
        (2, 10),
        (3, 100),
    ]
    assert [index for index, _ in source.frames(1, 3)] == [1, 2]
    assert [index for index, _ in source.frames(3, 30)] == [3]
    assert [index for index, _ in source.frames_backward(1)] == [3, 2, 1]
    assert source.frame(2)[0, 0, 0] == 10
    for index in (4, -1):
        with pytest.raises(MediaError, match=rf"no frame {index}: .* 0 to 3"):
            source.frame(index)
    with pytest.raises(InputError):
        source.frames(-1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["", "a", "B", "img_"]), st.integers(0, 10**9)), min_size=2))
def test_natural_order_is_by_value(parts):
    names = [PurePath(f"{prefix}{number}.png") for prefix, number in parts]
    ordered = sorted(names, key=natural_key)
    expected = sorted(parts, key=lambda part: (part[0].lower(), part[1]))
    assert [path.name for path in ordered] == [f"{prefix}{number}.png" for prefix, number in expected]


RAMP = np.arange(0, 256, 5, dtype=np.uint8).reshape(4, 13)[:3, :5]  # odd sides
GREY = np.repeat(RAMP[:, :, None], 3, axis=2)
COLOUR = np.stack([RAMP, RAMP[::-1], 255 - RAMP], axis=2)


@pytest.mark.parametrize(
    ("name", "image", "expected"),
    [
        ("rgb.png", Image.fromarray(COLOUR), COLOUR),
        ("rgb.bmp", Image.fromarray(COLOUR), COLOUR),
        ("grey.png", Image.fromarray(RAMP), GREY),
        ("grey16.png", Image.fromarray(RAMP.astype(np.uint16) * 257), GREY),
        ("grey16.tif", Image.fromarray(RAMP.astype(np.uint16) * 256 + 255), GREY),
        ("bits.png", Image.fromarray(RAMP > 20), np.where(GREY > 20, 255, 0)),
        ("alpha.png", Image.fromarray(np.dstack([COLOUR, RAMP])), COLOUR),
        ("grey_alpha.png", Image.fromarray(np.dstack([RAMP, RAMP])), GREY),
        ("palette.png", Image.fromarray(COLOUR).quantize(16), None),
        ("cmyk.tif", Image.fromarray(COLOUR).convert("CMYK"), None),
    ],
)
def test_every_kind_of_image_becomes_rgb(tmp_path, name, image, expected):
    image.save(tmp_path / name)
    frame = read_image(tmp_path / name)
    assert frame.dtype == np.uint8
    assert np.array_equal(frame, np.asarray(image.convert("RGB")) if expected is None else expected)
    assert open_source(tmp_path).size == (3, 5)


def test_sixteen_bit_colour_keeps_its_high_bits(tmp_path):
    cv2.imwrite(str(tmp_path / "colour.png"), COLOUR[..., ::-1].astype(np.uint16) * 257)
    assert np.array_equal(read_image(tmp_path / "colour.png"), COLOUR)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(COLOUR).save(tmp_path / "a.png", exif=exif)
    upright = {
        1: COLOUR,
        2: COLOUR[:, ::-1],
        3: COLOUR[::-1, ::-1],
        4: COLOUR[::-1],
        5: COLOUR.transpose(1, 0, 2),
        6: np.rot90(COLOUR, -1),
        7: np.rot90(COLOUR, 2).transpose(1, 0, 2),
        8: np.rot90(COLOUR, 1),
    }[orientation]
    source = open_source(tmp_path)
    assert np.array_equal(source.frame(0), upright)
    assert source.size == upright.shape[:2]


def test_images_keep_their_own_sizes(tmp_path):
    for index, size in enumerate([(4, 6), (5, 3)]):
        Image.fromarray(np.zeros((*size, 3), np.uint8)).save(tmp_path / f"{index}.png")
    source = open_source(tmp_path)
    assert source.size == (4, 6)
    assert [frame.shape[:2] for _, frame in source.frames()] == [(4, 6), (5, 3)]


def test_an_unreadable_image_is_named_after_those_before(tmp_path):
    for index in range(3):
        Image.fromarray(picture(index)).save(tmp_path / f"{index}.png")
    cut(tmp_path / "1.png", 0.5, tmp_path / "1.png")
    got = []
    with pytest.raises(MediaError, match=r"cannot read the image .*1\.png"):
        got.extend(open_source(tmp_path).frames())
    assert len(got) == 1
    assert np.array_equal(open_source(tmp_path).frame(2), picture(2))


def test_unusable_folders_are_refused(tmp_path):
    with pytest.raises(MediaError, match="no such folder"):
        ImageFolder(tmp_path / "absent")
    with pytest.raises(MediaError, match="no images"):
        open_source(tmp_path)
    Image.fromarray(RAMP.astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(MediaError, match=r"a\.tif.*floating-point"):
        open_source(tmp_path).frame(0)
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    with pytest.raises(MediaError, match=r"both a\.png and a\.tif"):
        open_source(tmp_path)
    (tmp_path / "a.tif").unlink()
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(MediaError, match=r"cannot read the image .*a\.png"):
        open_source(tmp_path)


# --- writing ----------------------------------------------------------------------------------------------


def smooth(index, size):
    y, x = np.mgrid[: size[0], : size[1]]
    return np.stack([x * 3 + index, y * 3, np.full_like(x, 90)], axis=2).astype(np.uint8)


@pytest.mark.parametrize("x264", [True, False])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_written_video_reads_back(tmp_path, monkeypatch, x264, suffix):
    if not x264:
        monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    path = tmp_path / f"out{suffix}"
    with VideoWriter(path, (47, 61), fps=30000 / 1001) as writer:
        for index in range(10):
            writer.write(smooth(index, (47, 61)))
    source = open_source(path)
    assert source.size == (48, 62)  # padded to even sides
    assert source.fps == pytest.approx(29.97, abs=0.01)
    frames = [frame for _, frame in source.frames()]
    assert len(frames) == 10
    error = np.abs(frames[4][:47, :61].astype(int) - smooth(4, (47, 61)))
    assert error.mean() < 6
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264" if x264 else "mpeg4", "yuv420p")
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_block_leaves_a_video_of_what_was_written(tmp_path):
    def fail():
        with VideoWriter(tmp_path / "out.mp4", SIZE) as writer:
            for index in range(5):
                writer.write(picture(index))
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert open_source(tmp_path / "out.mp4").count_frames() == 5


def test_no_frame_no_file(tmp_path):
    with VideoWriter(tmp_path / "out.mp4", SIZE):
        assert not (tmp_path / "out.mp4").exists()
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_is_harmless(tmp_path):
    writer = VideoWriter(tmp_path / "out.mp4", SIZE)
    writer.write(picture(0))
    writer.close()
    writer.close()
    assert open_source(tmp_path / "out.mp4").count_frames() == 1


def test_frames_of_another_size_are_fitted(tmp_path):
    white = np.full((40, 40, 3), 255, np.uint8)
    with VideoWriter(tmp_path / "out.mp4", (40, 80)) as writer:
        writer.write(np.full((40, 80, 3), 255, np.uint8))
        writer.write(white)
    frame = open_source(tmp_path / "out.mp4").frame(1)
    assert frame[:, 30:50].mean() > 240
    assert frame[:, :15].mean() < 15
    assert frame[:, -15:].mean() < 15


def test_unusable_outputs_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.mp4"):
        VideoWriter(tmp_path / "out.txt", SIZE)
    with pytest.raises(InputError, match="frames per second"):
        VideoWriter(tmp_path / "out.mp4", SIZE, fps=0)
    with pytest.raises(InputError, match="no folder"):
        VideoWriter(tmp_path / "absent" / "out.mp4", SIZE)
    with VideoWriter(tmp_path / "out.mp4", SIZE) as writer, pytest.raises(InputError, match="uint8"):
        writer.write(np.zeros(SIZE, np.uint8))


# --- reading ahead ----------------------------------------------------------------------------------------


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
