"""Videos and folders of images in, streamed frame by frame; videos out."""

from pathlib import Path

from .every_nth import EveryNth
from .image_folder import ImageFolder
from .read_ahead import read_ahead
from .source import Frame, FrameSource
from .video_file import VideoFile
from .write_behind import WriteBehind
from .writer import VideoWriter

__all__ = [
    "EveryNth",
    "Frame",
    "FrameSource",
    "ImageFolder",
    "VideoFile",
    "VideoWriter",
    "WriteBehind",
    "open_source",
    "read_ahead",
]


def open_source(path: str | Path) -> FrameSource:
    """Open a video file, or a folder of images as one clip.

    Raises:
        MediaError: the path is absent, empty, or holds no frame that can be decoded.
    """
    return ImageFolder(path) if Path(path).is_dir() else VideoFile(path)
