"""The App in a real browser: Chromium opens a dataset, runs the operator from the browser and from the toolbar.

Set GCVOS_SCREENSHOTS to a folder to take the pictures for the documentation, with the bundled clip and model.
"""

import io
import os
import re
from pathlib import Path

import browser
import fiftyone as fo
import numpy as np
import pytest
from browser import PATIENCE, field, share_of, wait_for
from made_up import detections, rendered, scene, write_video
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
if not browser.CHROMIUM.exists():
    pytest.skip("chromium is not installed (apt-get install chromium)", allow_module_level=True)

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("GCVOS_SCREENSHOTS")
CLOCK = re.compile(r"^(\d+):([\d.]+) / ")  # time in the video and its length
LATER = 1.0 if PICTURES else 0.5  # seconds into the video
COLOURS = [(230, 60, 50), (60, 220, 70)]  # of the objects in the made-up video


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = browser.Server(tmp_path_factory.mktemp("app") / "server.log")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """One video of two objects, its first frame annotated."""
    if PICTURES:
        from gcvos_model.demo import CLIP, MASKS
        from gcvos_model.masks import read_label_png

        path, first = CLIP, read_label_png(sorted(MASKS.glob("*.png"))[0])
    else:
        pixels, labels = scene(12, 2, (96, 128))
        path, first = write_video(tmp_path_factory.mktemp("video") / "clip.mp4", pixels), labels[0]
    dataset = fo.Dataset("gcvos-app", overwrite=True)
    sample = fo.Sample(filepath=str(path))
    sample.frames[1] = fo.Frame(gt=detections(first))
    dataset.add_sample(sample)
    dataset.compute_metadata()
    scheme = {"color_by": "instance"} if PICTURES else {"color_by": "field", "color_pool": ["#ff00ff"]}
    dataset.app_config.color_scheme = fo.ColorScheme(**scheme)
    dataset.save()
    yield dataset
    dataset.delete()


@pytest.fixture(scope="module")
def tab(server, dataset):
    """One tab of a browser, and what its console says."""
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(browser.CHROMIUM), args=browser.FLAGS)
        page = chromium.new_page(viewport=browser.VIEWPORT, reduced_motion="reduce")
        page.set_default_timeout(1000 * PATIENCE)
        page.add_init_script(browser.SCRIPT)
        console = []
        page.on("console", lambda message: console.append(message.text))
        yield page, console
        chromium.close()


@pytest.fixture
def page(tab, server, dataset, request, tmp_path):
    """The App with the dataset open."""
    page, console = tab
    failed = request.session.testsfailed
    server.wait()
    open_dataset(page, server, dataset)
    yield page
    if request.session.testsfailed > failed:
        print("see", browser.save_evidence(page, tmp_path, request.node.name, server, console))


def open_dataset(page, server, dataset):
    page.goto(f"{server.url}/datasets/{dataset.name}")
    page.locator("[data-cy=fo-grid] [data-cy=looker]").first.wait_for()


def picture(page, name, **area):
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(1500)  # the App fades things in and out
        shown = Image.open(io.BytesIO(page.screenshot(**area)))
        if area:  # a frame of the video, which is large as it is
            shown = shown.quantize(256)
        shown.save(Path(PICTURES) / f"fiftyone-{name}.png", optimize=True)


def execute(page, checkpoint, target, resolution):
    """Fill the form, execute, and wait for the summary."""
    form = page.locator("[data-cy=operators-prompt-modal]")
    # The last line says what will be done, as the server has understood the form.
    form.get_by_text("from frames.gt to frames.gc with gcvos-lite at 480 pixels").wait_for()
    picture(page, "form")
    field(form, "Write to").fill(target)
    understood = f"from frames.gt to {target} with gcvos-lite at 480 pixels"
    if not PICTURES:
        field(form, "Model").fill(str(checkpoint))
        field(form, "Working resolution").fill(str(resolution))
        understood = f"from frames.gt to {target} with {checkpoint.name} at {resolution} pixels"
    form.get_by_text(understood).wait_for()
    form.get_by_role("button", name="Execute").click()
    if PICTURES:
        page.wait_for_function("window.progressSeen.length > 0")
        picture(page, "progress")
    outcome = page.get_by_text(re.compile(r"\d of \d videos done"))
    outcome.wait_for()
    assert outcome.inner_text().startswith("1 of 1")
    picture(page, "summary")


def check_labels(dataset, name, count=2):
    """Every frame has its masks, in the database that the App shows."""
    dataset.reload()
    sample = dataset.first()
    sample.reload()
    frames = sorted(sample.frames.keys())
    assert len(frames) == sample.metadata.total_frame_count >= 12
    for number in frames:
        label = sample.frames[number][name]
        assert label is not None
        assert 1 <= len(label.detections) <= count
        assert np.count_nonzero(rendered(label, (96, 128))) > 0


def test_from_the_operator_browser(page, server, dataset, steady_checkpoint):
    page.locator("[data-cy=action-browse-operations]").click()
    page.locator("[data-cy=operators-browser-search]").fill("propagate annotations")
    page.locator("[data-cy=operators-browser]").get_by_text("Propagate annotations (gcvos)").click()
    execute(page, steady_checkpoint, "frames.gc", resolution=480)
    assert page.evaluate("window.progressSeen.length") > 0
    check_labels(dataset, "gc")
    open_dataset(page, server, dataset)
    page.locator("[data-cy=fo-grid] [data-cy=looker]").first.click()
    check_that_later_frames_show_masks(page)
    # Closed, or the server opens the sample again for the next page.
    close_sample(page)


def close_sample(page):
    """Click beside it."""

    def closed():
        if page.locator("[data-cy=modal]").is_visible():
            page.mouse.click(10, 600)
            return False
        return True

    wait_for(closed)


def check_that_later_frames_show_masks(page):
    """Step to a later frame, see the propagated masks over the objects, and the bare objects without them."""
    modal = page.locator("[data-cy=modal]")
    modal.locator("[data-cy='checkbox-frames.gt']").click()

    def later():
        if seconds_shown(modal) >= LATER:
            return True
        page.keyboard.press(".")  # the next frame
        return False

    wait_for(later)
    # Without the side bar, which shows where the file is.
    picture(page, "result", clip={"x": 35, "y": 35, "width": 1028, "height": 830})
    looker = modal.locator("[data-cy=modal-looker-container]")
    if not PICTURES:  # the masks cover the objects' own colours
        assert seconds_shown(modal) >= LATER
        wait_for(lambda: share_of(COLOURS, looker) < 0.02)
        modal.locator("[data-cy='checkbox-frames.gc']").click()
        wait_for(lambda: share_of(COLOURS, looker) > 0.1)


def seconds_shown(modal):
    """Where in the video the player's clock is; less than 0 while there is no video yet."""
    clock = modal.get_by_test_id("timeline-playhead-time")
    if not clock.is_visible():
        return -1.0
    minutes, seconds = CLOCK.match(clock.inner_text()).groups()
    return 60 * int(minutes) + float(seconds)


def test_from_the_toolbar(page, dataset, steady_checkpoint):
    page.locator("img[src*='icon.svg'], [data-cy=fo-grid-actions] img").last.click()
    # So short a run may be over before its progress is shown.
    execute(page, steady_checkpoint, "frames.again", resolution=64)
    check_labels(dataset, "again")


def test_a_click_on_the_plot_opens_the_frame(page, server, dataset, run, steady_checkpoint):
    if not dataset.list_runs():  # the tests before have not been run
        run(dataset, model=str(steady_checkpoint))
        open_dataset(page, server, dataset)
    page.locator("[data-cy=new-panel-btn]").first.click()
    page.get_by_text("Propagation review").first.click()
    plot = page.locator(".js-plotly-plot").first
    plot.locator(".scatterlayer .trace").nth(1).wait_for(state="attached")
    picture(page, "review")
    modal = page.locator("[data-cy=modal]")
    for frame_number in (9, 3):
        click_on_point(page, plot, frame_number - 1)
        expected = (frame_number - 1) / dataset.first().metadata.frame_rate
        wait_for(lambda expected=expected: abs(seconds_shown(modal) - expected) < 0.05)
        close_sample(page)


def click_on_point(page, plot, point):
    """Click on a point of the first object's line."""
    box = plot.locator(".scatterlayer .trace").first.locator(".point").nth(point).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    plot.locator(".hoverlayer .hovertext").first.wait_for(state="attached")  # it has noticed
    page.mouse.click(x, y)
