"""`serverless/deploy.sh`: what it stages is complete, and what it asks of nuctl is what CVAT's scripts ask."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from cvat_side import post, track
from function_folder import ROOT
from nuclio_server import NuclioServer

SCRIPT = ROOT / "serverless" / "deploy.sh"
BASH = shutil.which("bash")

pytestmark = pytest.mark.skipif(os.name != "posix" or not BASH, reason="deploy.sh is for bash")


def deploy(*arguments, **environment):
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment}
    return subprocess.run(
        [BASH, str(SCRIPT), *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def staged(tmp_path_factory, checkpoint):
    """The staged folder with the tests' checkpoint, its wheel built by this Python."""
    setuptools = pytest.importorskip("setuptools", reason="builds the wheel without a network")
    if int(setuptools.__version__.split(".")[0]) < 77:
        pytest.skip(f"building the wheel wants setuptools 77, this is {setuptools.__version__}")
    folder = tmp_path_factory.mktemp("staged")
    done = deploy(
        "cpu",
        "--model",
        checkpoint,
        "--stage-only",
        folder,
        PYTHON=sys.executable,
        PIP_NO_BUILD_ISOLATION="1",
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def run_apart(tmp_path_factory):
    """Run a command away from the checkout: no variable of the environment and no working folder leads there."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(*command):
        done = subprocess.run(command, env=clean, cwd=elsewhere, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return run


@pytest.fixture(scope="module")
def empty_environment(staged, tmp_path_factory, run_apart):
    """A virtual environment with the staged wheel; the libraries come from this one, but not the project."""
    folder = tmp_path_factory.mktemp("environment")
    run_apart(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    (wheel,) = staged.glob("gcvos-*.whl")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    run_apart(*pip, "--no-deps", "--no-index", "--ignore-installed", wheel)
    purelib = run_apart(python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    # A line of a .pth file appends a folder whose own .pth files are not looked at: no editable install comes along.
    Path(purelib, "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return python


def test_the_staged_folder_is_complete(staged, empty_environment, run_apart, environment, clip):
    names = {path.name for path in staged.iterdir()}
    assert {"function.yaml", "main.py", "gcvos_function", "tiny.safetensors"} < names
    assert "function-gpu.yaml" not in names
    assert not list(staged.rglob("__pycache__"))
    assert "value: /opt/nuclio/tiny.safetensors" in (staged / "function.yaml").read_text("utf-8")
    here = run_apart(empty_environment, "-I", "-c", "import gcvos_model; print(gcvos_model.__file__)")
    assert here.startswith(str(empty_environment.parent.parent))
    settings = {**environment, "GCVOS_MODEL": str(staged / "tiny.safetensors"), "PYTHONPATH": ""}
    with NuclioServer(staged, settings, python=empty_environment) as server:
        rows = track(post(server.url), clip[0][:3], [{"type": "rectangle", "points": [8, 10, 22, 24]}])
    assert [len(row[0]["points"]) for row in rows] == [4, 4, 4]


@pytest.fixture
def tools(tmp_path):
    """Stand-ins for nuctl, docker and the Python that builds, on a path of their own."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def tool(name, script):
        path = folder / name
        path.write_text(f"#!{BASH}\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    for name in ("cp", "rm", "mkdir", "mktemp", "dirname", "basename", "sed", "ls", "find", "cat", "touch"):
        (folder / name).symlink_to(shutil.which(name))
    tool("python", 'while [[ $1 != --wheel-dir ]]; do shift; done; touch "$2/gcvos-0-py3-none-any.whl"')
    tool.path, tool.log, tool.python = str(folder), tmp_path / "log", str(folder / "python")
    tool.nuctl = lambda: tool(
        "nuctl", f'echo "nuctl $*" >>"{tool.log}"; ls "$7" >>"{tool.log}" 2>/dev/null; exit 0'
    )
    tool.docker = lambda script="exit 0": tool("docker", script)
    tool.run = lambda *arguments, **more: deploy(*arguments, PATH=tool.path, PYTHON=tool.python, **more)
    return tool


@pytest.mark.parametrize(
    ("flavour", "platform"), [("cpu", "local"), ("gpu", "local"), ("kubernetes", "kube")]
)
def test_nuctl_is_asked_as_cvat_does(tools, flavour, platform):
    tools.nuctl()
    tools.docker()
    done = tools.run(flavour, "--", "--registry", "r")
    assert done.returncode == 0, done.stderr
    calls = [line for line in tools.log.read_text("utf-8").splitlines() if line.startswith("nuctl")]
    create, call, get = calls
    assert create == f"nuctl create project cvat --platform {platform}"
    assert get == f"nuctl get function --platform {platform}"
    assert call.startswith("nuctl deploy --project-name cvat --path ")
    assert call.endswith(f"--platform {platform} --registry r")
    assert ("CVAT_FUNCTIONS_REDIS_HOST=cvat_redis_ondisk" in call) == (platform == "local")
    assert ('{"attributes": {"network": "cvat_cvat"}}' in call) == (platform == "local")
    assert "Trackers > 'GC video objects'" in done.stdout


def test_what_is_absent_is_said(tools):
    done = tools.run("cpu")
    assert (done.returncode, "nuctl is not there" in done.stderr) == (1, True)
    tools.nuctl()
    done = tools.run("cpu")
    assert (done.returncode, "docker is not there" in done.stderr) == (1, True)
    tools.docker("exit 1")
    done = tools.run("cpu")
    assert (done.returncode, "docker does not answer" in done.stderr) == (1, True)
    tools.docker("[[ $1 == info ]]")
    done = tools.run("cpu", CVAT_NETWORK="other")
    assert (done.returncode, "no docker network 'other'" in done.stderr) == (1, True)
    assert "docker compose" in done.stderr
    assert not tools.log.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to deploy"),
        (["tpu"], "unknown argument 'tpu'"),
        (["cpu", "--model", "/nowhere.safetensors"], "no such checkpoint"),
        (["cpu", "--stage-only", SCRIPT.parent], "is not empty"),
    ],
)
def test_bad_arguments(arguments, message):
    done = deploy(*arguments)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("flavour", "mark"), [("gpu", "nvidia.com/gpu: 1"), ("kubernetes", "maxReplicas: 8")]
)
def test_the_flavour_chooses_the_configuration(tools, tmp_path, flavour, mark):
    done = tools.run(flavour, "--stage-only", tmp_path / "staged")
    assert done.returncode == 0, done.stderr
    assert mark in (tmp_path / "staged" / "function.yaml").read_text("utf-8")
