"""Full-width ViT-B/16 and BERT-base, by hand: random weights, float32 logits.

Two steps, in the environment with torch, then in da_zoo's:

    python tests/models/goldens/check_full_size.py write FOLDER
    python tests/models/goldens/check_full_size.py compare FOLDER
"""

import sys
import time
from pathlib import Path


def write(folder):
    import safetensors.torch
    import timm
    import torch
    import transformers

    torch.manual_seed(0)
    vit = timm.create_model("vit_base_patch16_224", num_classes=1000).eval()
    # The head starts at 0 in some versions, and every logit with it.
    torch.nn.init.normal_(vit.head.weight, std=0.02)
    images = torch.randn(2, 3, 224, 224)
    bert = transformers.BertForSequenceClassification(transformers.BertConfig()).eval()
    tokens = torch.randint(1, 30522, (2, 128))
    tokens[1, 100:] = 0
    with torch.no_grad():
        found = {
            "vit_b16/x": images,
            "vit_b16/logits": vit(images),
            "bert/x": tokens,
            "bert/logits": bert(tokens, attention_mask=(tokens != 0).long()).logits,
        }
    safetensors.torch.save_file(vit.state_dict(), folder / "vit_b16.safetensors")
    safetensors.torch.save_file(bert.state_dict(), folder / "bert.safetensors")
    safetensors.torch.save_file(found, folder / "expected.safetensors")


def compare(folder):
    import jax
    import numpy as np

    from da_zoo.models import load_pretrained, network_by_name
    from da_zoo.models.pretrained import read_weights

    expected = read_weights(folder / "expected.safetensors")
    for name in ("vit_b16", "bert"):
        start = time.perf_counter()
        loaded = load_pretrained(folder / f"{name}.safetensors", name)
        seconds = time.perf_counter() - start
        count = sum(leaf.size for leaf in jax.tree.leaves(loaded.params))
        network = network_by_name(name)
        x = expected[f"{name}/x"]
        x = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x.astype(np.int32)
        features = jax.jit(network.apply)(loaded.params, {}, x)[0].features
        ours = features @ loaded.head["kernel"] + loaded.head["bias"][None]
        theirs = expected[f"{name}/logits"]
        error = np.abs(ours - theirs).max() / np.abs(theirs).max()
        print(
            f"{name}: {count:,} parameters loaded in {seconds:.1f} s "
            f"({len(loaded.manifest['report']['loaded'])} variables), largest "
            f"difference of logits {error:.1e} of the largest logit"
        )


if __name__ == "__main__":
    {"write": write, "compare": compare}[sys.argv[1]](Path(sys.argv[2]))
