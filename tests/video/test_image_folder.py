"""Folders of images: natural order, every kind of image, orientation."""

from pathlib import PurePath

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from small_videos import cut, picture

from gcvos_model.errors import InputError, MediaError
from gcvos_model.video import ImageFolder, open_source
from gcvos_model.video.image_folder import natural_key, read_image


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
