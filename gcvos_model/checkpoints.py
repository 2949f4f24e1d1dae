"""Checkpoints: safetensors whose metadata holds the network's config, its training record and a digest. Never pickle."""

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gcvos_model.devices import choose_device, choose_dtype
from gcvos_model.errors import CheckpointError, InputError
from gcvos_model.int8 import use_int8
from gcvos_model.network.config import PRESETS, GCConfig
from gcvos_model.network.network import GCNetwork

FORMAT = "gcvos-1"
SUFFIX = ".safetensors"


def bundled_models() -> dict[str, Path]:
    """The checkpoints inside the package: name to path."""
    folder = Path(str(resources.files("gcvos_model") / "weights"))
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def find_checkpoint(model: str | Path) -> Path:
    """The path of a model given by name or by path.

    Raises:
        InputError: an unknown name; the message lists the known ones.
        CheckpointError: a path at which there is no file.
    """
    known = bundled_models()
    if str(model) in known:
        return known[str(model)]
    path = Path(model)
    if path.suffix == SUFFIX or path.parent != Path():
        if not path.is_file():
            raise CheckpointError(f"there is no checkpoint '{path}'")
        return path
    names = ", ".join(known) or "none is bundled"
    raise InputError(f"unknown model '{model}': expected one of {names}, or the path of a {SUFFIX} file")


def load_model(
    model: str | Path = "gcvos-lite",
    *,
    device: str = "auto",
    precision: str = "auto",
) -> GCNetwork:
    """Load a model for inference.

    Args:
        model: a bundled model's name, or the path of a checkpoint.
        device: `auto` (CUDA, else Apple's MPS, else the CPU), `cpu`, `cuda`, `cuda:N` or `mps`.
        precision: `float32`, `bfloat16`, `float16`, or `auto` (bfloat16 where the device computes in it, else float32;
            on a CPU that multiplies bytes convolutions are in int8, as with `int8`, if the checkpoint has ranges for it).

    Returns:
        The network in evaluation mode, in channels-last memory, with `digest` set.

    Raises:
        InputError: an unknown model, device or precision, or a device that is not there.
        CheckpointError: the checkpoint is absent, damaged, or not one of gcvos.
    """
    where = choose_device(device)
    dtype = choose_dtype(precision, where)
    config, tensors, metadata = read_checkpoint(find_checkpoint(model))
    network = build(config, tensors)
    network.digest = metadata["digest"]
    use_int8(network, metadata, precision, where, dtype)
    return ready(network, where, dtype)


def random_model(preset: str | GCConfig = "tiny", *, seed: int = 0, precision: str = "float32") -> GCNetwork:
    """A network with random weights on the CPU, for tests and for benchmarks of speed."""
    config = preset if isinstance(preset, GCConfig) else PRESETS[preset]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = GCNetwork(config)
    network.digest = digest_of(config.to_dict(), network.state_dict())
    cpu = torch.device("cpu")
    return ready(network, cpu, choose_dtype(precision, cpu))


def ready(network: GCNetwork, device: torch.device, dtype: torch.dtype) -> GCNetwork:
    """Put a network into the form that inference wants."""
    network.eval().requires_grad_(False)
    return network.to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]


def save_checkpoint(
    path: Path, config: GCConfig, tensors: Mapping[str, Tensor], record: Mapping[str, Any], dtype: torch.dtype
) -> str:
    """Write a checkpoint (whole or not at all) and return its digest.

    Args:
        path: where to; its folder exists.
        config: the network's.
        tensors: the network's `state_dict`.
        record: how it was trained and measured: anything JSON can hold.
        dtype: of the stored tensors: float16 halves the file.
    """
    stored = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in tensors.items()}
    digest = digest_of(config.to_dict(), stored)
    metadata = {
        "format": FORMAT,
        "config": json.dumps(config.to_dict()),
        "record": json.dumps(dict(record)),
        "digest": digest,
    }
    partial = path.with_name(path.name + ".partial")
    save_file(stored, partial, metadata)
    partial.replace(path)
    return digest


def read_checkpoint(path: Path) -> tuple[GCConfig, dict[str, Tensor], dict[str, str]]:
    """Read and check a checkpoint: config, tensors as stored, metadata.

    Raises:
        CheckpointError: it is damaged, or not one of gcvos.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"'{path}' is not a readable safetensors file: {error}") from error
    if metadata.get("format") != FORMAT:
        got = metadata.get("format", "no format")
        raise CheckpointError(f"'{path}' is not a gcvos checkpoint: expected format {FORMAT}, got {got}")
    try:
        fields = json.loads(metadata["config"])
        config = GCConfig(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"'{path}' holds a config that this version cannot read: {error}") from error
    if digest_of(fields, tensors) != metadata.get("digest"):
        raise CheckpointError(f"'{path}' is damaged: its digest does not match its contents; get it anew")
    return config, tensors, metadata


def build(config: GCConfig, tensors: Mapping[str, Tensor]) -> GCNetwork:
    """A float32 network with the given tensors.

    Raises:
        CheckpointError: the tensors are not those of the config.
    """
    network = GCNetwork(config)
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except RuntimeError as error:
        raise CheckpointError(
            f"the checkpoint's tensors do not fit its config '{config.name}': {error}"
        ) from error
    return network


def digest_of(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 (hex) over the config as it is stored and every tensor's name, type, shape and bytes.

    As it is stored, and not as it is read: fields that later versions add do not make a checkpoint another one.
    """
    sha = hashlib.sha256(json.dumps(dict(config), sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
