"""Videos that are written."""

import av
import numpy as np
import pytest
from small_videos import SIZE, picture

from gcvos_model.errors import InputError
from gcvos_model.video import VideoWriter, open_source


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
