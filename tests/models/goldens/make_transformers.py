"""Writes the goldens of ViT, BERT and GPT-2: weights, inputs, what the models return.

Runs where torch, timm and transformers are, none of which the tests need:

    python tests/models/goldens/make_transformers.py

wrote the files beside it with torch 2.14.1, timm 1.0.31 and transformers 5.24.0, in
float64. ``<name>.safetensors`` (or ``.npz``) holds the weights as the library stores
them, ``<name>_expected.safetensors`` everything else: ``x`` ..., ``logits``,
``train_logits``, ``stage/<name>``, ``gradient/<name>`` of the cross-entropy with
``labels``.
"""

import tempfile
from pathlib import Path

import numpy as np
import safetensors.torch
import timm
import torch
import transformers
from timm.layers import resample_abs_pos_embed

HERE = Path(__file__).parent
SIZES = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 24,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "num_labels": 5,
    "attn_implementation": "eager",
}
LABELS = torch.tensor([0, 3, 4])


def prepared(model):
    """Every parameter matters: none is 0 or 1, as biases and norms are at first."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            norm = parameter.ndim == 1 and name.endswith("weight")
            parameter.copy_(0.4 * torch.randn(parameter.shape) + (1.0 if norm else 0.0))
    return model.double()


def recorded(model, modules, arguments, logits_of):
    """Runs a model in both modes and returns what the tests compare."""
    found, handles = {}, []
    for stage, module in modules.items():

        def keep(module, inputs, output, stage=stage):
            output = output[0] if isinstance(output, tuple) else output
            found[f"stage/{stage}"] = output.detach().clone()

        handles.append(module.register_forward_hook(keep))
    model.eval()
    with torch.no_grad():
        logits = logits_of(model(*arguments[0], **arguments[1]))
    for handle in handles:
        handle.remove()
    model.train()
    train_logits = logits_of(model(*arguments[0], **arguments[1]))
    torch.nn.functional.cross_entropy(train_logits, LABELS).backward()
    gradients = {
        f"gradient/{name}": parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return {
        **found,
        **gradients,
        "logits": logits,
        "train_logits": train_logits.detach(),
        "labels": LABELS,
    }


def save(name, weights, expected):
    if weights is not None:
        safetensors.torch.save_file(weights, HERE / f"{name}.safetensors")
    tensors = {key: value.contiguous() for key, value in expected.items()}
    safetensors.torch.save_file(tensors, HERE / f"{name}_expected.safetensors")


def on_disk(model):
    """The state as ``save_pretrained`` writes it, which is not as it is in memory."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return safetensors.torch.load_file(f"{folder}/model.safetensors")


def tiny_timm():
    return timm.create_model(
        "vit_tiny_patch16_224",
        img_size=12,
        patch_size=4,
        embed_dim=12,
        depth=2,
        num_heads=3,
        mlp_ratio=2,
        num_classes=5,
    )


def images():
    return torch.randn(3, 3, 12, 12, generator=torch.manual_seed(1)).double()


def write_timm():
    model, x = prepared(tiny_timm()), images()
    modules = {f"block_{i}": block for i, block in enumerate(model.blocks)}
    modules |= {"embed": model.norm_pre, "tokens": model.norm}
    expected = recorded(model, modules, ((x,), {}), lambda logits: logits)
    table = model.pos_embed.detach()
    resized = {
        f"positions/{rows}x{columns}": resample_abs_pos_embed(table, [rows, columns])
        for rows, columns in ((2, 2), (5, 5), (2, 4))
    }
    save("vit_timm", model.state_dict(), {**expected, **resized, "x": x})


def write_transformers_vit():
    # Its eager attention has a softmax in float32, whatever it is given.
    sizes = SIZES | {"attn_implementation": "sdpa"}
    config = transformers.ViTConfig(**sizes, image_size=12, patch_size=4)
    model = prepared(transformers.ViTForImageClassification(config))
    x = images()
    modules = {f"block_{i}": layer for i, layer in enumerate(model.vit.layers)}
    modules |= {"embed": model.vit.embeddings, "tokens": model.vit.layernorm}
    expected = recorded(model, modules, ((x,), {}), lambda out: out.logits)
    save("vit_transformers", on_disk(model), {**expected, "x": x})


def write_google_vit():
    """An archive of the authors' layout, read by timm's reader of that layout."""
    rng = np.random.default_rng(2)
    d, heads, hidden = 12, 3, 24

    def draw(*shape):
        return 0.4 * rng.normal(size=shape)

    def pair(name, kernel, bias, leaf="kernel"):
        return {f"{name}/{leaf}": draw(*kernel), f"{name}/bias": draw(*bias)}

    archive = {
        "cls": draw(1, 1, d),
        **pair("embedding", (4, 4, 3, d), (d,)),
        "Transformer/posembed_input/pos_embedding": draw(1, 10, d),
        **pair("Transformer/encoder_norm", (d,), (d,), "scale"),
        **pair("head", (d, 5), (5,)),
    }
    for i in range(2):
        block = f"Transformer/encoderblock_{i}"
        attention = f"{block}/MultiHeadDotProductAttention_1"
        for name in ("query", "key", "value"):
            archive |= pair(f"{attention}/{name}", (d, heads, 4), (heads, 4))
        archive |= pair(f"{attention}/out", (heads, 4, d), (d,))
        archive |= pair(f"{block}/MlpBlock_3/Dense_0", (d, hidden), (hidden,))
        archive |= pair(f"{block}/MlpBlock_3/Dense_1", (hidden, d), (d,))
        for number in (0, 2):
            archive |= pair(f"{block}/LayerNorm_{number}", (d,), (d,), "scale")
    np.savez(HERE / "vit_google.npz", **archive)
    model, x = tiny_timm().double().eval(), images()
    model.load_pretrained(HERE / "vit_google.npz")
    with torch.no_grad():
        save("vit_google", None, {"x": x, "logits": model(x)})


def texts(length=7):
    tokens = torch.randint(1, 30, (3, length), generator=torch.manual_seed(3))
    tokens[1, 5:], tokens[2, 2:] = 0, 0
    segments = (torch.arange(length) > 3).long().expand(3, length).clone()
    return tokens, segments


def write_bert():
    config = transformers.BertConfig(
        **SIZES, vocab_size=30, max_position_embeddings=10, pad_token_id=0
    )
    model = prepared(transformers.BertForSequenceClassification(config))
    tokens, segments = texts()
    named = {
        "input_ids": tokens,
        "token_type_ids": segments,
        "attention_mask": (tokens != 0).long(),
    }
    layers = model.bert.encoder.layer
    modules = {f"block_{i}": layer for i, layer in enumerate(layers)}
    modules |= {"embed": model.bert.embeddings, "tokens": layers[-1]}
    expected = recorded(model, modules, ((), named), lambda out: out.logits)
    save("bert", on_disk(model), {**expected, "x": tokens, "segments": segments})


def write_gpt2():
    config = transformers.GPT2Config(
        vocab_size=30,
        n_positions=10,
        n_embd=12,
        n_layer=2,
        n_head=3,
        n_inner=24,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        resid_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
        num_labels=5,
        attn_implementation="eager",
    )
    model = prepared(transformers.GPT2ForSequenceClassification(config))
    tokens, _ = texts()
    named = {"input_ids": tokens, "attention_mask": (tokens != 0).long()}
    body = model.transformer
    modules = {f"block_{i}": layer for i, layer in enumerate(body.h)}
    modules |= {"embed": body.drop, "tokens": body.ln_f}
    expected = recorded(model, modules, ((), named), lambda out: out.logits)
    save("gpt2", on_disk(model), {**expected, "x": tokens})


if __name__ == "__main__":
    write_timm()
    write_transformers_vit()
    write_google_vit()
    write_bert()
    write_gpt2()
