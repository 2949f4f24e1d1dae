"""The zoo model, registered from an archive at a local address, as users do."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import fiftyone as fo
import fiftyone.zoo as foz
import numpy as np
import pytest
from made_up import rendered, scene

from gcvos_model import load_model, propagate
from gcvos_model.checkpoints import bundled_models
from gcvos_model.errors import InputError
from plugin.zoo import download_model, parse_parameters, resolve_input

ROOT = Path(__file__).resolve().parents[2]


def serve(folder):
    """Serve a folder on this machine; return its address and what stops it."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}", server.shutdown


@pytest.fixture(scope="module")
def archive_url(tmp_path_factory):
    """The repository in an archive, as a code host serves it."""
    folder = tmp_path_factory.mktemp("archive")
    ignore = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "demo-out")
    shutil.copytree(ROOT, folder / "gcvos-main", ignore=ignore)
    shutil.make_archive(str(folder / "gcvos"), "zip", folder, "gcvos-main")
    url, stop = serve(folder)
    yield f"{url}/gcvos.zip"
    stop()


@pytest.fixture(scope="module")
def registered(archive_url, checkpoint):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GCVOS_CHECKPOINT", str(checkpoint))
        foz.register_zoo_model_source(archive_url, overwrite=True)
        foz.download_zoo_model("gcvos-lite", overwrite=True)
        yield


def load_zoo_model():
    # FiftyOne asks whether `gcvos` is installed; a checkout on the path is as good.
    return foz.load_zoo_model("gcvos-lite", error_level=2, device="cpu", short_side=64)


def test_apply_model_gives_the_masks_of_the_core(registered, make_videos, checkpoint):
    dataset = make_videos(count=2, frames=4, objects=2)
    model = load_zoo_model()
    dataset.apply_model(model, "gc", prompt_field="frames.gt", skip_failures=False)
    _, labels = scene(4, 2)
    network = load_model(checkpoint, device="cpu")
    prompts = {0: {1: labels[0] == 1, 2: labels[0] == 2}}
    sample = dataset.last()
    for result in propagate(sample.filepath, prompts, model=network, short_side=64):
        assert np.array_equal(rendered(sample.frames[result.index + 1].gc), result.labels)
    first = sample.frames[1].gc.detections[0]
    assert first.keyframe is True
    assert first.label == "thing"


def test_apply_model_on_clips(registered, make_videos):
    dataset = make_videos(frames=8, annotate=(2,))
    sample = dataset.first()
    sample["events"] = fo.TemporalDetections(detections=[fo.TemporalDetection(label="x", support=[2, 6])])
    sample.save()
    model = load_zoo_model()
    dataset.to_clips("events").apply_model(model, "gc", prompt_field="frames.gt", skip_failures=False)
    assert min(n for n, frame in dataset.first().frames.items() if frame["gc"]) == 3


def test_without_annotations_it_says_so(registered, make_videos):
    dataset = make_videos(annotate=())
    dataset.add_frame_field("gt", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    model = load_zoo_model()
    with pytest.raises(ValueError, match="has no annotations in 'gt'"):
        dataset.apply_model(model, "gc", prompt_field="frames.gt", skip_failures=False)
    with pytest.raises(ValueError, match="no prompt field"):
        dataset.apply_model(model, "gc", skip_failures=False)


def test_form_and_its_parameters():
    assert "prompt_field" in resolve_input("gcvos-lite", None).type.properties
    params = {"prompt_field": "gt", "device": "", "short_side": None, "direction": "both"}
    parse_parameters("gcvos-lite", None, params)
    assert params == {"prompt_field": "frames.gt", "direction": "both"}


def test_weights_come_from_the_package(tmp_path, monkeypatch):
    monkeypatch.delenv("GCVOS_CHECKPOINT", raising=False)
    download_model("gcvos-lite", str(tmp_path / "weights"))
    assert (tmp_path / "weights").read_bytes() == bundled_models()["gcvos-lite"].read_bytes()


def test_weights_come_from_an_address_or_a_file_that_the_user_names(checkpoint, tmp_path, monkeypatch):
    url, stop = serve(checkpoint.parent)
    for place, origin in enumerate((f"{url}/{checkpoint.name}", str(checkpoint))):
        monkeypatch.setenv("GCVOS_CHECKPOINT", origin)
        target = tmp_path / f"weights{place}.safetensors"
        download_model("gcvos-lite", str(target))
        assert target.read_bytes() == checkpoint.read_bytes()
    stop()


def test_a_model_that_is_not_bundled_names_the_way_out(tmp_path, monkeypatch):
    monkeypatch.delenv("GCVOS_CHECKPOINT", raising=False)
    with pytest.raises(InputError, match="set GCVOS_CHECKPOINT"):
        download_model("gcvos-none", str(tmp_path / "weights"))


def test_with_the_prefix_fiftyone_loses_all_labels(registered, make_videos):
    """Why the documentation says "gc" and not "frames.gc"; the operator takes both."""
    dataset = make_videos(frames=3)
    model = load_zoo_model()
    dataset.apply_model(model, "frames.gc", prompt_field="frames.gt")  # by default, errors are mere warnings
    sample = dataset.first()
    assert not any(frame.has_field("gc") and frame["gc"] for frame in sample.frames.values())
    with pytest.raises(AttributeError, match=r"no field 'frames\.gc'"):
        dataset.apply_model(model, "frames.gc", prompt_field="frames.gt", skip_failures=False)


def listed(plugins_folder, *commands):
    """What the command line of FiftyOne shows."""
    script = (
        "import sys\n"
        "from fiftyone.core.cli import main\n"
        "for line in sys.argv[1:]:\n"
        "    sys.argv = ['fiftyone', *line.split()]\n"
        "    main()\n"
    )
    command = [sys.executable, "-c", script, *commands, "plugins list", "operators list"]
    environment = {**os.environ, "FIFTYONE_PLUGINS_DIR": str(plugins_folder)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("origin", ["archive", "folder"])
def test_the_plugin_is_listed(archive_url, tmp_path, origin):
    if origin == "archive":
        shown = listed(tmp_path / "plugins", f"plugins download {archive_url}")
    else:
        shown = listed(ROOT / "plugin")
    for name in ("@gcvos/gcvos ", "propagate_annotations", "clear_propagation", "review_propagation"):
        assert name in shown
