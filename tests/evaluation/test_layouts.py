import json

import pytest

from gcvos_model.errors import InputError
from gcvos_model.evaluation.layouts import Benchmark, read_dataset

from .scenes import FRAMES, moving_square, numbered

DAVIS2016, DAVIS2017, YOUTUBE_VOS = Benchmark


def read_names(root, benchmark, split="val"):
    return [sequence.name for sequence in read_dataset(root, benchmark, split)]


class TestDavis:
    def test_frames_and_annotations_in_order(self, davis):
        ball = read_dataset(davis.root, DAVIS2016, "val")[0]
        assert ball.frames == ball.results == tuple(numbered(FRAMES))
        assert list(ball.annotations) == list(ball.frames)
        assert all(path.is_file() for path in (*ball.images, *ball.annotations.values()))

    @pytest.mark.parametrize("benchmark", [DAVIS2016, DAVIS2017])
    def test_a_list_of_names_keeps_its_order(self, davis, benchmark):
        davis.list(["duo", "", "ball"], year="2017" if benchmark is DAVIS2017 else "480p")
        assert read_names(davis.root, benchmark) == ["duo", "ball"]

    def test_a_list_of_frames_and_annotations(self, davis):
        davis.list(
            [
                f"/JPEGImages/480p/{name}/{frame}.jpg /Annotations/480p/{name}/{frame}.png"
                for name in ("car", "ball")
                for frame in numbered(FRAMES)
            ]
        )
        sequences = read_dataset(davis.root, DAVIS2016, "val")
        assert [(sequence.name, len(sequence.frames)) for sequence in sequences] == [("car", 6), ("ball", 6)]

    def test_a_listed_frame_that_is_missing_is_named(self, davis):
        davis.list(["/JPEGImages/480p/ball/00077.jpg /Annotations/480p/ball/00077.png"])
        with pytest.raises(InputError, match=r"ball.00077\.jpg is missing"):
            read_dataset(davis.root, DAVIS2016, "val")

    def test_2016_list_of_the_2017_release(self, davis):
        (davis.root / "ImageSets" / "480p" / "val.txt").unlink()
        davis.list(["car"], year="2016")
        assert read_names(davis.root, DAVIS2016) == ["car"]
        assert read_names(davis.root, DAVIS2017) == ["ball", "car", "duo"]

    def test_2017_falls_back_to_the_480p_list(self, davis):
        (davis.root / "ImageSets" / "2017" / "val.txt").unlink()
        davis.list(["duo"])
        assert read_names(davis.root, DAVIS2017) == ["duo"]

    def test_other_splits(self, davis):
        davis.list(["car"], split="train")
        assert read_names(davis.root, DAVIS2016, "train") == ["car"]
        with pytest.raises(InputError, match=r"split 'test-dev'.*2017.test-dev\.txt or .*480p.test-dev\.txt"):
            read_dataset(davis.root, DAVIS2017, "test-dev")

    def test_first_annotation_alone_as_in_test_splits(self, davis):
        davis.add("secret", moving_square(), annotated=[0])
        davis.list(["secret"])
        assert list(read_dataset(davis.root, DAVIS2016, "val")[0].annotations) == ["00000"]

    def test_missing_annotations_are_named(self, davis):
        for frame in ("00002", "00004"):
            (davis.annotations("car") / f"{frame}.png").unlink()
        with pytest.raises(InputError, match=r"car.00002\.png is missing and 1 more"):
            read_dataset(davis.root, DAVIS2016, "val")

    def test_a_missing_frame_is_named(self, davis):
        (davis.root / "JPEGImages" / "480p" / "car" / "00003.jpg").unlink()
        with pytest.raises(InputError, match=r"car.00003\.jpg is missing"):
            read_dataset(davis.root, DAVIS2016, "val")

    @pytest.mark.parametrize(
        ("lines", "message"),
        [(["nowhere"], "no frames in .*nowhere"), ([], "is empty"), ([".."], "cannot be the name")],
    )
    def test_lists_that_cannot_be_meant(self, davis, lines, message):
        davis.list(lines)
        if lines == [".."]:
            for kind in ("JPEGImages", "Annotations"):
                for path in (davis.root / kind / "480p" / "ball").iterdir():
                    path.rename(davis.root / kind / path.name)
        with pytest.raises(InputError, match=message):
            read_dataset(davis.root, DAVIS2016, "val")

    def test_no_such_root(self, tmp_path):
        with pytest.raises(InputError, match="there is no folder"):
            read_dataset(tmp_path / "absent", DAVIS2016, "val")

    def test_no_annotations(self, davis):
        for path in davis.annotations("ball").iterdir():
            path.unlink()
        with pytest.raises(InputError, match=r"no annotations in .*ball"):
            read_dataset(davis.root, DAVIS2016, "val")


class TestYouTubeVOS:
    def test_objects_enter_where_meta_says(self, youtube):
        (video,) = read_dataset(youtube.root, YOUTUBE_VOS, "val")
        assert video.name == "a1b2"
        assert video.frames == video.results == tuple(numbered(FRAMES, 5))
        assert video.entries == {1: 0, 2: 2}

    def test_the_split_is_a_folder_of_the_root(self, youtube):
        assert read_names(youtube.root.parent, YOUTUBE_VOS, "val") == ["a1b2"]
        assert read_names(youtube.root.parent, YOUTUBE_VOS, "valid") == ["a1b2"]
        with pytest.raises(InputError, match=r"train.JPEGImages"):
            read_dataset(youtube.root.parent, YOUTUBE_VOS, "train")

    def test_frames_that_meta_does_not_list_are_not_asked_for(self, youtube):
        youtube.add("dense", moving_square(7), {1: [0, 5]}, names=numbered(7), annotated=[0])
        dense = next(s for s in read_dataset(youtube.root, YOUTUBE_VOS, "val") if s.name == "dense")
        assert len(dense.frames) == 7
        assert dense.results == ("00000", "00005")

    def test_meta_is_missing(self, youtube):
        (youtube.root / "meta.json").unlink()
        with pytest.raises(InputError, match=r"cannot read .*meta\.json"):
            read_dataset(youtube.root, YOUTUBE_VOS, "val")

    @pytest.mark.parametrize(
        "meta",
        [
            "{",
            "[]",
            "{}",
            '{"videos": []}',
            '{"videos": {"a1b2": {}}}',
            '{"videos": {"a1b2": {"objects": {"x": 1}}}}',
        ],
    )
    def test_meta_is_damaged(self, youtube, meta):
        (youtube.root / "meta.json").write_text(meta)
        with pytest.raises(InputError, match=r"is not the meta\.json of YouTube-VOS"):
            read_dataset(youtube.root, YOUTUBE_VOS, "val")

    @pytest.mark.parametrize(
        ("video", "objects", "message"),
        [
            ("absent", {"1": {"frames": ["00000"]}}, "no frames in .*absent"),
            ("a1b2", {"1": {"frames": ["00099"]}}, r"00099\.jpg is missing"),
            ("a1b2", {"1": {"frames": []}}, "no frame of any object of video 'a1b2'"),
        ],
    )
    def test_meta_names_what_is_not_there(self, youtube, video, objects, message):
        (youtube.root / "meta.json").write_text(json.dumps({"videos": {video: {"objects": objects}}}))
        with pytest.raises(InputError, match=message):
            read_dataset(youtube.root, YOUTUBE_VOS, "val")

    def test_no_video(self, youtube):
        (youtube.root / "meta.json").write_text('{"videos": {}}')
        with pytest.raises(InputError, match="lists no video"):
            read_dataset(youtube.root, YOUTUBE_VOS, "val")
