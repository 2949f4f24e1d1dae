"""Whether a video file was cut short, from the sizes its container declares.

Decoders mostly take the end of a cut file for the end of the video. Its container often knows better: AVI,
Matroska (WebM) and MP4 (MOV) begin their parts with a length, and a file that ends before that length has
lost its end.
"""

import struct
from pathlib import Path
from typing import BinaryIO

EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # the two top elements of Matroska


def missing_bytes(path: str | Path) -> int:
    """Return how many bytes a file lacks by its own account; 0 where it is whole, or does not tell."""
    path = Path(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[:4] == b"RIFF":
            declared = _riff_end(head)
        elif head[:4] == EBML:
            declared = _matroska_end(file)
        elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            declared = _mp4_end(file, size)
        else:
            declared = 0
    return max(0, declared - size)


def _riff_end(head: bytes) -> int:
    """Return where the first RIFF chunk ends (long AVIs have more of them); 0 where it does not tell."""
    length = int.from_bytes(head[4:8], "little")
    return length + 8 if 0 < length < 0xFFFFFFFF else 0


def _mp4_end(file: BinaryIO, size: int) -> int:
    """Return where the last box that begins in the file ends (ISO/IEC 14496-12, section 4.2)."""
    position = 0
    while position < size:
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            return position + 8
        length = struct.unpack(">I", header[:4])[0]
        if length == 1 and len(header) == 16:  # a 64-bit length follows
            length = struct.unpack(">Q", header[8:])[0]
        if length < 8:  # 0 is 'to the end of the file'; the others are no boxes
            return size
        position += length
    return position


def _matroska_end(file: BinaryIO) -> int:
    """Return where the Segment, which holds everything, ends; 0 where it does not tell (live recordings)."""
    file.seek(4)
    file.seek(_ebml_length(file) or 0, 1)  # over the EBML header
    if file.read(4) != SEGMENT:
        return 0
    length = _ebml_length(file)
    return file.tell() + length if length is not None else 0


def _ebml_length(file: BinaryIO) -> int | None:
    """Read an EBML length (RFC 8794, section 4): its leading zero bits say how many more bytes it has."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    more = 8 - first[0].bit_length()
    length = int.from_bytes(bytes([first[0] & ((1 << (7 - more)) - 1)]) + file.read(more), "big")
    unknown = (1 << 7 * (more + 1)) - 1
    return None if length == unknown else length
