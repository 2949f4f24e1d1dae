"""What PyAV (FFmpeg) does for a video file: opening, decoding, the times of its frames."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import islice, pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import MediaError

PROBED_FRAMES = 16  # decoded to check times that come from packets


@contextmanager
def opened(path: Path, threading: str = "SLICE") -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video file and its first video stream.

    Args:
        path: the file.
        threading: FFmpeg's thread type. 'AUTO' decodes several frames at once: fast, but of frames before
            damage the last ones may be lost. 'SLICE' takes one frame at a time.

    Raises:
        MediaError: not a video.
    """
    try:
        container = av.open(str(path), metadata_errors="ignore")
    except av.error.FFmpegError as error:
        raise MediaError(
            f"cannot open {path} as a video ({reason(error)}); it is of another kind, damaged or cut short"
        ) from None
    with container:
        if not container.streams.video:
            raise MediaError(f"{path} has no video stream; expected a video")
        stream = container.streams.video[0]
        stream.thread_type = threading
        yield container, stream


def decode(
    path: Path, threading: str = "SLICE", seek_to: int | None = None
) -> Generator[VideoFrame, None, None]:
    """Yield decoded frames in the order of presentation.

    Args:
        path: the file.
        threading: as in `opened`.
        seek_to: begin at the keyframe at or before this time (in the stream's time base) instead of the
            beginning; where the file cannot seek there are no frames.

    Raises:
        MediaError: not a video.
        av.error.FFmpegError: damage in the middle; every frame before it has been yielded. Before the first
        frame it
            is passed over, for a recording may begin between two keyframes.
    """
    with opened(path, threading) as (container, stream):
        if seek_to is not None:
            try:
                container.seek(seek_to, stream=stream)
            except av.error.FFmpegError:
                return
        started = False
        try:
            for packet in _whole_packets(container, stream):
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    if started:
                        raise
                    continue
                started = started or bool(frames)
                yield from frames
        except av.error.FFmpegError as error:
            damage = error
        else:
            return
        with suppress(av.error.FFmpegError):
            yield from stream.codec_context.decode(None)  # the frames that waited for their turn
        raise damage


def frame_times(path: Path) -> list[int] | None:
    """Return the times of all frames in order, as their packets have them; None where packets do not tell.

    That is fast, because nothing is decoded, but right only where each packet is one frame with a time of its
    own. What breaks that shows: packets without a time, times twice or going back, or other times than those
    of the first frames decoded.

    Raises:
        MediaError: not a video.
    """
    with opened(path) as (container, stream):
        if stream.codec_context.name == "vp8":
            return None  # packets of its hidden frames look like any other
        try:
            stamps = [(packet.pts, packet.dts) for packet in container.demux(stream) if _is_shown(packet)]
        except av.error.FFmpegError:
            return None
    times = sorted(pts for pts, _ in stamps if pts is not None)
    decode_times = [dts for _, dts in stamps if dts is not None]
    if len(times) < len(stamps) or not _ascends(times) or not _ascends(decode_times):
        return None
    with suppress(av.error.FFmpegError), closing(decode(path)) as frames:
        if [frame.pts for frame in islice(frames, PROBED_FRAMES)] == times[:PROBED_FRAMES]:
            return times
    return None


def reason(error: av.error.FFmpegError) -> str:
    """Return FFmpeg's words for an error, without names of files and functions."""
    return error.strerror or str(error)


def _whole_packets(container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream]"]:
    """Yield the packets of a stream, without the half packet at the very end of a cut file.

    Packets marked as corrupt elsewhere, in the middle of a broadcast, are passed on: decoders get through
    them.
    """
    doubtful: Packet[VideoStream] | None = None
    for packet in container.demux(stream):
        if doubtful is not None and packet.size > 0:
            yield doubtful
        doubtful = packet if packet.is_corrupt else None
        if doubtful is None:
            yield packet


def _is_shown(packet: "Packet[VideoStream]") -> bool:
    """Return whether a packet holds a frame of the clip: edit lists hide some, the last one is empty."""
    return packet.size > 0 and not packet.is_discard


def _ascends(values: list[int]) -> bool:
    return all(before < after for before, after in pairwise(values))
