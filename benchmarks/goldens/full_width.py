"""A published-size network from a torch file: does it answer the same in float32?

In the environment of convnets.py, then in da_zoo's own, from the repository's root:

    goldens/bin/python benchmarks/goldens/full_width.py write /tmp/full
    .venv/bin/python benchmarks/goldens/full_width.py compare /tmp/full

The first writes a state dict with random weights and batch statistics, images and
logits, all by torchvision; the second loads it strictly and prints the difference.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file


def write(folder: Path, name: str, side: int) -> None:
    """Torch's half."""
    import torch
    import torchvision
    from safetensors.torch import save_file as save_torch

    torch.manual_seed(0)
    model = torchvision.models.get_model(name).eval()
    for key, buffer in model.named_buffers():
        if key.endswith("running_mean"):
            buffer.uniform_(-0.3, 0.3)
        elif key.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    folder.mkdir(parents=True, exist_ok=True)
    save_torch(model.state_dict(), folder / f"{name}.safetensors")
    x = torch.randn(2, 3, side, side)
    with torch.no_grad():
        logits = model(x).numpy()
    images = np.ascontiguousarray(x.permute(0, 2, 3, 1).numpy())
    save_file({"x": images, "logits": logits}, folder / f"{name}_answers.safetensors")


def compare(folder: Path, name: str) -> None:
    """Ours."""
    import jax

    from da_zoo import network_by_name
    from da_zoo.models import load_pretrained

    answers = load_file(folder / f"{name}_answers.safetensors")
    start = time.perf_counter()
    loaded = load_pretrained(folder / f"{name}.safetensors", name)
    seconds = time.perf_counter() - start
    network, head = network_by_name(name), loaded.head
    assert head is not None

    @jax.jit
    def logits(params: dict, stats: dict, x: jax.Array) -> jax.Array:
        features = network.apply(params, stats, x)[0].features
        return features @ head["kernel"] + head["bias"][None]

    ours = logits(loaded.params, loaded.stats, answers["x"])
    difference = np.max(np.abs(ours - answers["logits"]))
    told = {
        "network": name,
        "images": answers["x"].shape,
        "tensors": len(loaded.manifest["report"]["loaded"]),
        "loading_seconds": round(seconds, 2),
        "relative_difference": float(difference / np.max(np.abs(answers["logits"]))),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("half", choices=("write", "compare"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--side", type=int, default=224)
    arguments = parser.parse_args()
    if arguments.half == "write":
        write(arguments.folder, arguments.network, arguments.side)
    else:
        compare(arguments.folder, arguments.network)
