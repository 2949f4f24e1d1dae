"""Video files that are cut, damaged, or no videos at all."""

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_videos import COUNT, QUIET, cut, decodable, decode_plainly, encode, same

from gcvos_model.errors import MediaError
from gcvos_model.video import open_source
from gcvos_model.video.truncation import missing_bytes


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
