import numpy as np
import pytest

from gcvos_model.errors import InputError
from gcvos_model.masks import davis_palette
from gcvos_model.visualize import GAP, contact_sheet, object_colours, overlay


def grey(height, width, value=100):
    return np.full((height, width, 3), value, np.uint8)


def square_labels(object_id, size=(20, 30)):
    labels = np.zeros(size, np.int32)
    labels[5:15, 8:20] = object_id
    return labels


def test_overlay_tints_inside_outlines_and_leaves_the_rest():
    frame = grey(20, 30)
    result = overlay(frame, square_labels(1), alpha=0.5)
    assert (frame == 100).all()  # untouched
    assert result.dtype == np.uint8
    assert result[10, 12].tolist() == [178, 50, 50]  # half of 100, half of (255, 0, 0)
    assert result[5, 8:20].tolist() == [[255, 0, 0]] * 12  # solid, inside the object
    outside = square_labels(1) == 0
    assert (result[outside] == 100).all()


@pytest.mark.parametrize(("alpha", "inside"), [(0, [100, 100, 100]), (1, [255, 0, 0])])
def test_alpha_goes_from_the_frame_to_the_colour(alpha, inside):
    assert overlay(grey(20, 30), square_labels(1), alpha)[10, 12].tolist() == inside


def test_no_object_no_change():
    frame = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    assert np.array_equal(overlay(frame, np.zeros((20, 30), np.uint8)), frame)


def test_touching_objects_are_told_apart():
    labels = np.ones((10, 10), np.uint8)
    labels[:, 5:] = 2
    result = overlay(grey(10, 10), labels)
    assert result[3, 4].tolist() == [255, 0, 0]
    assert result[3, 5].tolist() == [0, 255, 0]
    assert result[3, 2].tolist() != result[3, 7].tolist()


def test_ids_beyond_the_palette_take_its_colours_again():
    for object_id, same in [(256, 1), (255, 255), (511, 1), (300, 45)]:
        first, second = (
            overlay(grey(20, 30), square_labels(object_id)),
            overlay(grey(20, 30), square_labels(same)),
        )
        assert np.array_equal(first, second)


def test_object_colours_are_bright_and_of_the_palettes_hue():
    colours, palette = object_colours(), davis_palette()
    assert colours[0].tolist() == [0, 0, 0]
    assert (colours[1:].max(axis=1) == 255).all()
    assert np.array_equal(colours.argmax(axis=1), palette.argmax(axis=1))
    assert len({tuple(colour) for colour in colours[:8].tolist()}) == 8


def test_outlines_widen_with_the_frame():
    labels = np.zeros((1440, 1440), np.uint8)
    labels[400:1000, 400:1000] = 1
    row = overlay(grey(1440, 1440), labels)[700]
    assert (row == [255, 0, 0]).all(axis=1).sum() == 6  # three pixels at either side


def test_overlay_refuses_what_does_not_fit():
    with pytest.raises(InputError, match=r"\(20, 30\) over a frame of \(20, 31\)"):
        overlay(grey(20, 31), square_labels(1))
    for alpha in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="alpha"):
            overlay(grey(20, 30), square_labels(1), alpha)


def test_a_sheet_goes_row_by_row():
    sheet = contact_sheet([grey(10, 20, value) for value in (10, 20, 30, 40, 50)], columns=3)
    assert sheet.shape == (20 + GAP, 60 + 2 * GAP, 3)
    assert sheet[5, [10, 34, 58], 0].tolist() == [10, 20, 30]
    assert sheet[5 + 10 + GAP, [10, 34, 58], 0].tolist() == [40, 50, 255]
    assert (sheet[10 : 10 + GAP] == 255).all()
    assert (sheet[:, 20 : 20 + GAP] == 255).all()


def test_a_sheet_is_no_wider_than_its_frames():
    assert contact_sheet([grey(10, 20)], columns=5).shape == (10, 20, 3)


def test_a_sheet_fits_other_sizes_into_its_cells():
    sheet = contact_sheet([grey(10, 20), grey(40, 40, 200)], columns=1)
    cell = sheet[10 + GAP :]
    assert (cell[:, 5:15] == 200).all()
    assert not cell[:, :5].any()


def test_an_empty_sheet_is_refused():
    for frames, columns in [([], 2), ([grey(4, 4)], 0)]:
        with pytest.raises(InputError, match="at least one"):
            contact_sheet(frames, columns)
