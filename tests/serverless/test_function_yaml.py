"""The function.yaml files: nuctl drops an unknown or misspelt key without a word, so they are checked here."""

import re
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "serverless" / "gcvos" / "nuclio"
FILES = ["function.yaml", "function-gpu.yaml", "function-kubernetes.yaml"]

# What nuclio 1.14 reads (pkg/functionconfig/types.go), as far as a function like this one may want it. A dict
# means just these keys, a type any value of it; ... stands for keys of the user's own.
SCHEMA = {
    "metadata": {
        "name": str,
        "namespace": str,
        "labels": {...: str},
        # Read by CVAT (LambdaFunction.__init__ in cvat/apps/lambda_manager/views.py), as text.
        "annotations": {
            "name": str,
            "type": str,
            "spec": str,
            "version": str,
            "help_message": str,
            "animated_gif": str,
            "supported_shape_types": str,
        },
    },
    "spec": {
        "description": str,
        "runtime": str,
        "handler": str,
        "eventTimeout": str,
        "readinessTimeoutSeconds": int,
        "env": [{"name": str, "value": str}],
        "minReplicas": int,
        "maxReplicas": int,
        "targetCPU": int,
        "build": {
            "image": str,
            "baseImage": str,
            "directives": {
                "preCopy": [{"kind": str, "value": str}],
                "postCopy": [{"kind": str, "value": str}],
            },
        },
        "triggers": {
            ...: {
                "kind": str,
                "numWorkers": int,
                "workerAvailabilityTimeoutMilliseconds": int,
                "attributes": {"maxRequestBodySize": int, "port": int},
            }
        },
        "resources": {
            "requests": {"cpu": str, "memory": str},
            "limits": {"cpu": str, "memory": str, "nvidia.com/gpu": int},
        },
        "platform": {"attributes": {"restartPolicy": {"name": str, "maximumRetryCount": int}}},
    },
}


class UniqueKeys(yaml.SafeLoader):
    """YAML lets a key stand twice, and keeps the last one."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
        return super().construct_mapping(node, deep)


def load(name):
    return yaml.load((FOLDER / name).read_text(encoding="utf-8"), UniqueKeys)


def differences(value, schema, path):
    """Where a value is not what the schema says, as 'path: what'."""
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return [f"{path}: not a mapping"]
        found = []
        for key, item in value.items():
            if key not in schema and ... not in schema:
                found.append(f"{path}.{key}: nuclio does not read it")
            else:
                found += differences(item, schema.get(key, schema.get(...)), f"{path}.{key}")
        return found
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{path}: not a list"]
        return [line for item in value for line in differences(item, schema[0], f"{path}[]")]
    return [] if type(value) is schema else [f"{path}: {value!r} is not {schema.__name__}"]


@pytest.mark.parametrize("name", FILES)
def test_every_key_is_one_that_nuclio_reads(name):
    assert differences(load(name), SCHEMA, "") == []


def test_the_check_finds_what_nuctl_drops():
    function = load("function.yaml")
    trigger = function["spec"]["triggers"]["http"]
    trigger["numWorkerz"] = trigger.pop("numWorkers")
    function["spec"]["eventTimeout"] = 30
    assert differences(function, SCHEMA, "") == [
        ".spec.eventTimeout: 30 is not str",
        ".spec.triggers.http.numWorkerz: nuclio does not read it",
    ]


@pytest.mark.parametrize("name", FILES)
def test_what_cvat_and_nuclio_need_is_there(name):
    function = load(name)
    annotations, spec = function["metadata"]["annotations"], function["spec"]
    assert function["metadata"]["name"] == "pth-gcvos"
    assert annotations["type"] == "tracker"
    assert {part.strip() for part in annotations["supported_shape_types"].split(",")} == {
        "rectangle",
        "polygon",
        "mask",
    }
    assert annotations["spec"] == ""
    int(annotations["version"])
    module, function_name = spec["handler"].split(":")
    assert f"def {function_name}(context, event)" in (FOLDER / f"{module}.py").read_text(encoding="utf-8")
    assert re.fullmatch(r"\d+s", spec["eventTimeout"])
    assert int(spec["eventTimeout"][:-1]) < 120  # CVAT's own time-out
    runtime_version = spec["runtime"].removeprefix("python:")
    assert spec["build"]["baseImage"].startswith(f"python:{runtime_version}-")
    (trigger,) = spec["triggers"].values()
    # 4K as an incompressible PNG in base64, and 100 objects of 400 KB
    assert trigger["attributes"]["maxRequestBodySize"] > 3840 * 2160 * 3 * 4 / 3 + 100 * 400_000


def test_one_worker_on_a_gpu():
    spec = load("function-gpu.yaml")["spec"]
    (trigger,) = spec["triggers"].values()
    assert trigger["numWorkers"] == 1
    assert spec["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert {"name": "GCVOS_DEVICE", "value": "cuda"} in spec["env"]


def test_the_kubernetes_variant_differs_in_scale_alone():
    plain, kubernetes = load("function.yaml"), load("function-kubernetes.yaml")
    scale = kubernetes["spec"]
    assert scale.pop("minReplicas") < scale.pop("maxReplicas")
    assert 0 < scale.pop("targetCPU") < 100
    del plain["spec"]["platform"], plain["spec"]["resources"], scale["resources"]
    assert plain["spec"]["triggers"]["http"].pop("numWorkers") > scale["triggers"]["http"].pop("numWorkers")
    assert plain == kubernetes


@pytest.mark.parametrize("name", FILES)
def test_the_image_has_the_tested_versions(name):
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    tested = dict(re.findall(r"^([\w.-]+)==([^\s+;]+)", constraints, re.MULTILINE))
    directives = load(name)["spec"]["build"]["directives"]
    pins = re.findall(r"([\w.-]+)==([\w.]+)", " ".join(entry["value"] for entry in directives["preCopy"]))
    named = {package: tested[package] for package, _ in pins if package in tested}
    assert len(named) >= 9
    assert named.items() <= dict(pins).items()


@pytest.mark.parametrize("name", FILES)
def test_the_image_has_all_that_the_wheel_needs(name):
    """The wheel is installed without its dependencies."""
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads pyproject.toml")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["cvat"]]
    names = {re.match(r"[\w.-]+", requirement)[0] for requirement in needed}
    commands = [entry["value"] for entry in load(name)["spec"]["build"]["directives"]["preCopy"]]
    installed = set(re.findall(r"([\w.-]+)==", " ".join(commands)))
    assert names - installed == {"nuclio-sdk"}  # nuclio brings it along
