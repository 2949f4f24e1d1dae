import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from PIL import Image

from gcvos_model.errors import InputError
from gcvos_model.files import write_atomic
from gcvos_model.masks import (
    davis_palette,
    label_map,
    object_ids,
    object_masks,
    read_label_png,
    tight_box,
    write_label_png,
)

label_arrays = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


# --- label maps and masks ---------------------------------------------------------------------------------


def test_label_map_lays_later_masks_on_top():
    below, above = np.array([[1, 1, 0]], bool), np.array([[0, 1, 0]], bool)
    assert label_map({9: below, 4: above}, (1, 3)).tolist() == [[9, 4, 0]]
    assert label_map({4: above, 9: below}, (1, 3)).tolist() == [[9, 9, 0]]


def test_label_map_takes_probabilities_at_one_half():
    assert label_map({1: np.array([[0.4, 0.5, 0.6]])}, (1, 3)).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize(("object_id", "dtype"), [(255, np.uint8), (256, np.int32), (70000, np.int32)])
def test_label_map_dtype_fits_its_ids(object_id, dtype):
    labels = label_map({object_id: np.ones((2, 2), bool)}, (2, 2))
    assert labels.dtype == dtype
    assert (labels == object_id).all()


def test_label_map_without_masks_is_background():
    assert not label_map({}, (2, 3)).any()


def test_label_map_refuses_bad_masks():
    with pytest.raises(InputError, match=r"object 3.*\(2, 2\), expected \(2, 3\)"):
        label_map({3: np.ones((2, 2), bool)}, (2, 3))
    with pytest.raises(InputError, match="ids must be positive"):
        label_map({0: np.ones((2, 3), bool)}, (2, 3))


@settings(deadline=None)
@given(label_arrays)
def test_label_map_and_masks_are_inverse(labels):
    masks = object_masks(labels)
    assert tuple(masks) == object_ids(labels)
    assert np.array_equal(label_map(masks, labels.shape), labels)


def test_tight_box_ends_one_past_the_last_pixel():
    mask = np.zeros((10, 20), bool)
    mask[3:7, 5:6] = True
    assert tight_box(mask) == (5, 3, 6, 7)
    assert tight_box(np.ones((10, 20))) == (0, 0, 20, 10)
    assert tight_box(np.zeros((10, 20), bool)) is None


# --- palette PNGs -----------------------------------------------------------------------------------------


def test_palette_is_that_of_pascal_voc():
    palette = davis_palette()
    first = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128)]
    assert [tuple(colour) for colour in palette[:7].tolist()] == first
    assert palette[8].tolist() == [64, 0, 0]  # the first of the second round
    assert palette[255].tolist() == [224, 224, 192]  # VOC's colour for 'void'
    assert len({tuple(colour) for colour in palette.tolist()}) == 256


def test_written_png_is_indexed_with_the_palette(tmp_path):
    labels = np.array([[0, 1], [7, 255]])  # not contiguous, and int64
    write_label_png(tmp_path / "a.png", labels)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        assert image.getpalette() == davis_palette().ravel().tolist()
        assert np.asarray(image.convert("RGB"))[0, 1].tolist() == [128, 0, 0]
    assert np.array_equal(read_label_png(tmp_path / "a.png"), labels)


@settings(deadline=None, max_examples=30)
@given(label_arrays)
def test_png_round_trip(tmp_path_factory, labels):
    path = tmp_path_factory.getbasetemp() / "round_trip.png"
    write_label_png(path, labels)
    expected = (labels == 255) if object_ids(labels) == (255,) else labels  # a sole 255 is object 1
    read = read_label_png(path)
    assert read.dtype == np.uint8
    assert np.array_equal(read, expected)


@pytest.mark.parametrize("bad", [256, -1])
def test_ids_outside_a_palette_are_refused_before_writing(tmp_path, bad):
    with pytest.raises(InputError, match=rf"object id {bad}.*1 to 255"):
        write_label_png(tmp_path / "a.png", np.array([[0, bad]]))
    assert list(tmp_path.iterdir()) == []


def test_a_label_map_must_have_two_dimensions(tmp_path):
    with pytest.raises(InputError, match=r"\(2, 2, 3\)"):
        write_label_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))


def test_sole_255_is_object_one_but_beside_others_an_id(tmp_path):
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(tmp_path / "two.png")
    assert read_label_png(tmp_path / "two.png").tolist() == [[0, 1]]
    Image.fromarray(np.array([[1, 255]], np.uint8)).save(tmp_path / "more.png")
    assert read_label_png(tmp_path / "more.png").tolist() == [[1, 255]]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.array([[0, 3, 9]], np.uint8), [[0, 3, 9]]),  # grey
        (np.array([[False, True, True]]), [[0, 1, 1]]),  # one bit
        (np.array([[0, 3, 900]], np.uint16), [[0, 3, 900]]),  # 16-bit grey
        (np.full((1, 2, 3), 255, np.uint8), [[1, 1]]),  # black and white in colour
        (np.full((1, 2, 4), (5, 5, 5, 128), np.uint8), [[5, 5]]),  # with alpha
    ],
)
def test_other_images_of_ids_are_read(tmp_path, stored, expected):
    Image.fromarray(stored).save(tmp_path / "a.png")
    assert read_label_png(tmp_path / "a.png").tolist() == expected


def test_unusable_masks_are_refused_with_the_reason(tmp_path):
    colour = Image.fromarray(np.array([[[10, 200, 30]]], np.uint8))
    colour.save(tmp_path / "colour.png")
    colour.convert("L").save(tmp_path / "lossy.jpg")
    (tmp_path / "empty.png").touch()
    write_label_png(tmp_path / "cut.png", np.arange(9999).reshape(99, 101) % 256)
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:-200])
    for name, reason in {
        "colour.png": "colour image",
        "lossy.jpg": "JPEG",
        "empty.png": "cannot read",
        "cut.png": "cannot read",
        "absent.png": "no such mask",
    }.items():
        with pytest.raises(InputError, match=reason) as caught:
            read_label_png(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


# --- atomic writing ---------------------------------------------------------------------------------------


def test_write_atomic_replaces_and_leaves_nothing_else(tmp_path):
    target = tmp_path / "file"
    write_atomic(target, b"old")
    write_atomic(target, b"new")
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def full(path, data):
        with path.open("wb") as file:
            file.write(data[:1])
        raise OSError("No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_files_can_be_read_by_others(tmp_path):
    write_atomic(tmp_path / "atomic", b"")
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode
