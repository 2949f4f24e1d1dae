import pytest
from small_videos import QUIET, encode


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    encode(folder / "plain.mp4", options=QUIET, container_options={"movflags": "faststart"})
    encode(folder / "index_last.mp4", options=QUIET)
    encode(folder / "plain.mkv", options=QUIET)
    encode(folder / "plain.avi", codec="mpeg4")
    return folder
