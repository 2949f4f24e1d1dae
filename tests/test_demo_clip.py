import numpy as np
import pytest

from gcvos_model.demo import CLIP, MASKS
from gcvos_model.demo.crossing import CROSSING
from gcvos_model.demo.kinds import FAWN, TIGER, skeleton
from gcvos_model.demo.make_clip import ACTORS, FPS, FRAMES, SIZE, render
from gcvos_model.masks import object_ids, read_label_png
from gcvos_model.video import open_source


@pytest.fixture(scope="module")
def masks():
    return [read_label_png(path) for path in sorted(MASKS.glob("*.png"))]


def test_the_bundle_is_small_and_whole(masks):
    source = open_source(CLIP)
    assert (source.count_frames(), source.size, source.fps) == (FRAMES, SIZE, FPS)
    assert [path.name for path in sorted(MASKS.iterdir())] == [f"{index:05d}.png" for index in range(FRAMES)]
    assert all(labels.shape == SIZE for labels in masks)
    assert sum(path.stat().st_size for path in (CLIP, *MASKS.iterdir())) < 2_000_000


@pytest.mark.parametrize("index", [0, 25])
def test_the_bundle_is_what_the_script_makes(masks, index):
    frame, labels = render(index)
    assert (labels != masks[index]).mean() < 1e-3  # other versions of OpenCV may round otherwise
    error = np.abs(open_source(CLIP).frame(index).astype(float) - frame)
    assert error.mean() < 8  # compression takes the noise away


def test_both_objects_are_there_throughout_and_each_is_hidden_in_part(masks):
    for object_id in (1, 2):
        areas = np.array([(labels == object_id).sum() for labels in masks])
        assert areas.min() > 0.02 * np.prod(SIZE)
        assert areas.min() < 0.8 * areas.max()
    assert all(object_ids(labels) == (1, 2) for labels in masks)


def test_there_is_a_distractor_of_the_first_objects_kind():
    assert {actor.object_id: actor.kind for actor in ACTORS} == {0: FAWN, 1: FAWN, 2: TIGER}


@pytest.mark.parametrize("kind", [FAWN, TIGER])
def test_every_bone_has_its_parent_before_it(kind):
    known = {""}
    for bone in skeleton(kind):
        assert bone.parent in known
        assert bone.name not in known
        known.add(bone.name)


def test_in_the_clip_of_a_failure_two_of_a_kind_change_places():
    assert CROSSING[0].kind == CROSSING[1].kind
    middles = []
    for index in (0, FRAMES - 1):
        _, labels = render(index, CROSSING)
        middles.append([np.nonzero(labels == object_id)[1].mean() for object_id in (1, 2)])
    assert middles[0][0] < middles[0][1]
    assert middles[1][0] > middles[1][1]
