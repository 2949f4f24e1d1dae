"""The App in a real browser: Chromium opens a dataset, runs the operator from the browser and from the toolbar.

Set GCVOS_SCREENSHOTS to a folder to take the pictures for the documentation, with the bundled clip and model.
"""

import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from fiftyone_server import FIFTYONE, free_port
from made_up import detections, rendered, scene, write_video

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FLAGS += " --disable-component-update --disable-sync"
PICTURES = os.environ.get("GCVOS_SCREENSHOTS")
PATIENCE = 300_000  # milliseconds

pytestmark = pytest.mark.browser

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
if not CHROMIUM.exists():
    pytest.skip("chromium is not installed (apt-get install chromium)", allow_module_level=True)


@pytest.fixture(scope="module")
def app():
    """FiftyOne's App server in a process of its own."""
    port = free_port()
    main = Path(FIFTYONE.origin).parent / "server" / "main.py"
    environment = {**os.environ, "FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS": "false"}
    command = [sys.executable, str(main), "--port", str(port), "--address", "127.0.0.1"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 300
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{url}/fiftyone", timeout=5).close()
            break
        except OSError:
            time.sleep(0.5)
    yield url
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """One video of two objects, its first frame annotated."""
    if PICTURES:
        from gcvos_model.demo import CLIP, MASKS
        from gcvos_model.masks import read_label_png

        path, first = CLIP, read_label_png(sorted(MASKS.glob("*.png"))[0])
    else:
        pixels, labels = scene(12, 2, (96, 128))
        path, first = write_video(tmp_path_factory.mktemp("app") / "clip.mp4", pixels), labels[0]
    dataset = fo.Dataset("gcvos-app", overwrite=True)
    sample = fo.Sample(filepath=str(path))
    sample.frames[1] = fo.Frame(gt=detections(first))
    dataset.add_sample(sample)
    dataset.compute_metadata()
    yield dataset
    dataset.delete()


@pytest.fixture
def page(app, dataset):
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS.split())
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
        page.goto(f"{app}/datasets/{dataset.name}")
        page.get_by_text("Dismiss").click()
        page.locator("[data-cy=looker]").first.wait_for()
        yield page
        browser.close()


def picture(page, name, **area):
    if PICTURES:
        page.wait_for_timeout(1500)  # the App fades things in and out
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(PICTURES) / f"fiftyone-{name}.png"), **area)


def field(form, label):
    """The input below a label of a form."""
    return form.locator(f"xpath=.//*[normalize-space(text())='{label}']/following::input[1]").first


def execute(page, steady_checkpoint, target):
    """Fill the form, execute, and wait for the summary."""
    form = page.locator("[data-cy=operators-prompt-modal]")
    form.get_by_text("on a CPU").wait_for()  # the last thing in the form: all defaults are there
    picture(page, "form")
    field(form, "Write to").fill(target)
    if not PICTURES:
        field(form, "Model").fill(str(steady_checkpoint))
        field(form, "Working resolution").fill("64")
    form.get_by_text("on a CPU").wait_for()
    page.wait_for_timeout(3000)  # the App sends what has been typed with a delay
    form.get_by_role("button", name="Execute").click()
    page.get_by_text(re.compile(r"frame \d+")).first.wait_for()
    picture(page, "progress")
    page.get_by_text(re.compile("1 of 1 videos done")).wait_for()
    picture(page, "summary")


def check_labels(dataset, name):
    dataset.reload()
    sample = dataset.first()
    sample.reload()
    frames = sorted(sample.frames.keys())
    assert len(frames) >= 12
    written = [n for n in frames if sample.frames[n][name]]
    assert len(written) == len(frames)
    for number in written[1:]:
        assert np.count_nonzero(rendered(sample.frames[number][name], (96, 128))) > 0


def test_from_the_operator_browser(page, dataset, steady_checkpoint):
    page.keyboard.press("`")
    page.keyboard.type("propagate annotations")
    page.get_by_text("Propagate annotations (gcvos)").first.click()
    execute(page, steady_checkpoint, "frames.gc")
    check_labels(dataset, "gc")
    page.keyboard.press("Escape")
    page.reload()
    page.get_by_text("frames.gc", exact=True).first.wait_for()
    page.locator("[data-cy=looker]").first.click()
    page.locator("[data-cy=modal]").wait_for()
    page.wait_for_timeout(5000)
    page.locator("[data-cy=modal] [data-cy='checkbox-frames.gt']").first.click()
    for _ in range(10):
        page.keyboard.press(".")  # the next frame
        page.wait_for_timeout(200)
    # Without the side bar, which shows where the file is.
    picture(page, "result", clip={"x": 35, "y": 35, "width": 1028, "height": 830})
    # Closed, or the server opens the sample again for the next page.
    page.mouse.click(10, 600)
    page.locator("[data-cy=modal]").wait_for(state="hidden")
    page.wait_for_timeout(2000)


def test_from_the_toolbar(page, dataset, steady_checkpoint):
    page.locator("img[src*='icon.svg'], [data-cy=fo-grid-actions] img").last.click()
    execute(page, steady_checkpoint, "frames.again")
    check_labels(dataset, "again")


def test_the_panel_shows_the_plot(page, dataset, run, steady_checkpoint):
    run(
        dataset,
        target_field="frames.panel",
        **({"model": "gcvos-lite", "short_side": 480} if PICTURES else {}),
    )
    page.reload()
    page.locator("[data-cy=looker]").first.wait_for()
    page.locator("[data-cy=new-panel-btn]").first.click()
    page.get_by_text("Propagation review").first.click()
    page.locator(".js-plotly-plot .scatterlayer .trace").first.wait_for(state="attached")
    page.wait_for_timeout(1000)
    picture(page, "review")
