import json

import pytest

from gcvos_model.cluster.manifest import Video, read_manifest
from gcvos_model.errors import InputError


def test_csv(tmp_path):
    path = tmp_path / "videos.csv"
    path.write_text("video,mask,name\na/clip.mp4,a/first.png,\nb/clip.mp4,first.png; 40=later.png,other\n")
    assert read_manifest(path) == [
        Video("clip", tmp_path / "a/clip.mp4", (str(tmp_path / "a/first.png"),)),
        Video(
            "other", tmp_path / "b/clip.mp4", (str(tmp_path / "first.png"), f"40={tmp_path / 'later.png'}")
        ),
    ]


def test_json_lines(tmp_path):
    path = tmp_path / "videos.jsonl"
    rows = [
        {"video": "/data/x.mp4", "mask": "/m.png"},
        {"video": "y", "mask": ["m.png", "3=n.png"], "name": "z"},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    first, second = read_manifest(path)
    assert (first.name, str(first.source), first.masks) == ("x", "/data/x.mp4", ("/m.png",))
    assert second == Video("z", tmp_path / "y", (str(tmp_path / "m.png"), f"3={tmp_path / 'n.png'}"))


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.csv", "video,mask\n", "lists no video"),
        ("a.csv", "film,mask\nx.mp4,m.png\n", "has no 'video'"),
        ("a.csv", "video,mask\nx.mp4,\n", "line 2 of .* has no 'mask'"),
        ("a.csv", "video,mask\na/x.mp4,m.png\nb/x.mp4,m.png\n", "two videos named 'x'"),
        ("a.csv", "video,mask,name\nx.mp4,m.png,../up\n", "cannot be the name"),
        ("a.jsonl", '{"video": "x"\n', "line 1 of .* is not JSON"),
        ("a.jsonl", '["x", "y"]\n', "expected an object"),
        ("a.jsonl", '{"video": "x", "mask": [1]}\n', "has no 'mask'"),
        ("a.txt", "x", "neither .csv nor .jsonl"),
    ],
)
def test_what_cannot_be_read_is_refused(name, text, why, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=why):
        read_manifest(tmp_path / name)


def test_an_absent_manifest_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_manifest(tmp_path / "none.csv")
