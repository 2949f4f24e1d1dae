import base64
import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from gcvos_function.errors import ImageError, RequestError, TooLargeError
from gcvos_function.images import decode_image
from PIL import Image

RAMP = np.linspace(0, 255, 12 * 16 * 3).astype(np.uint8).reshape(12, 16, 3)
LIMIT = 10_000


def encoded(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "PPM", "GIF"])
def test_lossless_formats(kind):
    grey = np.repeat(RAMP[..., :1], 3, axis=2)  # GIF has 256 colours
    image = Image.fromarray(grey)
    frame = decode_image(encoded(image, format=kind, **({"lossless": True} if kind == "WEBP" else {})), LIMIT)
    assert frame.dtype == np.uint8
    assert np.array_equal(frame, grey)


def test_channels_are_red_green_blue():
    image = Image.new("RGB", (4, 3), (200, 100, 50))
    assert decode_image(encoded(image, format="PNG"), LIMIT)[0, 0].tolist() == [200, 100, 50]
    jpeg = decode_image(encoded(image, format="JPEG", quality=100), LIMIT)[0, 0].astype(int)
    assert np.abs(jpeg - [200, 100, 50]).max() <= 3


def test_grey_alpha_palette_and_16_bits():
    grey = RAMP[..., 0]
    as_rgb = np.repeat(grey[..., None], 3, axis=2)
    assert np.array_equal(decode_image(encoded(Image.fromarray(grey), format="PNG"), LIMIT), as_rgb)
    transparent = np.dstack([RAMP, np.full(RAMP.shape[:2], 7, np.uint8)])
    assert np.array_equal(decode_image(encoded(Image.fromarray(transparent), format="PNG"), LIMIT), RAMP)
    palette = Image.fromarray(grey).convert("P")
    assert np.array_equal(decode_image(encoded(palette, format="PNG"), LIMIT), as_rgb)
    deep = grey.astype(np.uint16) * 256 + 200
    assert np.array_equal(decode_image(encoded(Image.fromarray(deep), format="PNG"), LIMIT), as_rgb)


def test_exif_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    image = Image.fromarray(np.zeros((8, 32, 3), np.uint8))
    assert decode_image(encoded(image, format="JPEG", exif=exif), LIMIT).shape == (32, 8, 3)


@pytest.mark.parametrize("text", ["not base64!", "aGk", "ä", "a" * 5])
def test_not_base64(text):
    with pytest.raises(RequestError, match="image: not base64") as refusal:
        decode_image(text, LIMIT)
    assert refusal.value.status == 400


def test_not_an_image():
    for data in (b"", b"hello", b"%!PS-Adobe", b"\x89PNG\r\n\x1a\n", bytes(1000)):
        with pytest.raises(ImageError) as refusal:
            decode_image(base64.b64encode(data).decode(), LIMIT)
        assert refusal.value.status == 422


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_truncated_images(kind):
    data = base64.b64decode(encoded(Image.fromarray(np.tile(RAMP, (4, 4, 1))), format=kind))
    for keep in (len(data) // 3, len(data) // 2, len(data) - 20):
        with pytest.raises(ImageError):
            decode_image(base64.b64encode(data[:keep]).decode(), LIMIT)


def png_of(width, height, rows):
    """A PNG whose header says `width` x `height`, whatever its rows are."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [101, 30_000, 100_000])
def test_bombs_are_refused_before_they_are_decoded(side):
    bomb = base64.b64encode(png_of(side, side, bytes(1 << 20))).decode()
    tracemalloc.start()
    with pytest.raises(TooLargeError) as refusal:
        decode_image(bomb, LIMIT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refusal.value.status == 413
    assert peak < 1 << 20
