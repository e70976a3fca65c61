"""The derivative of a logit by a stage inside the network, for any network.

A stage is a value on the way: no module need make it, so no module's output can be
replaced for it. But the traced program (the jaxpr) has it as a variable, because
``Outputs.stages`` returns it. We cut the program in two behind that variable, run the
first half, and differentiate the second by what it starts from. Linen and NNX modules,
custom derivatives and nested jits go through alike.

Limits: the network must go on with the very value that it returns as the stage (or
with what a cast makes of it). Where it returns a copy (``stop_gradient(x)``, a mean) or
makes the stage inside ``nn.remat``, the logits do not depend on what is returned: that
is an error, not a map of zeros.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core
from jaxtyping import Array, Float, Int

from da_zoo.interpret.model import Model
from da_zoo.naming import choose

__all__ = ["stage_gradient"]


def stage_gradient(
    model: Model, x: Float[Array, "n ..."], classes: Int[Array, " n"], stage: str
) -> tuple[Float[Array, "n *stage"], Float[Array, "n *stage"]]:
    """Returns a stage, and the derivative of a logit by it.

    Args:
        model: whose network names stages.
        x: inputs.
        classes: which logit of each row.
        stage: a key of ``Outputs.stages``.

    Returns:
        Both in the stage's shape.

    Raises:
        ValueError: for an unknown stage, or one that the logits do not depend on.

    Example:
        >>> from da_zoo import network_by_name
        >>> network = network_by_name("mlp", hidden=(4,))
        >>> params, stats = network.init(jax.random.key(0), jnp.ones((2, 3)))
        >>> head = {"kernel": jnp.arange(8.0).reshape(4, 2), "bias": jnp.zeros(2)}
        >>> model = Model(network, params, stats, head)
        >>> _, gradient = stage_gradient(
        ...     model, jnp.ones((1, 3)), jnp.array([1]), "dense_0"
        ... )
        >>> gradient  # the last stage is the features: the head's column
        Array([[1., 3., 5., 7.]], dtype=float32)
    """

    def run(x: Array) -> tuple[Array, Array]:
        outputs = model.outputs(x)
        value = choose(outputs.stages, stage, "stage")
        logits = model.logits(outputs.features)
        return value, jnp.sum(jnp.take_along_axis(logits, classes[:, None], axis=1))

    with jax.disable_jit():  # nested jits are traced in line: one flat program
        program = jax.make_jaxpr(run)(x)
    first, second = _cut(program, stage)
    value, *others = jax.jit(first)(x)

    def total(value: Array, others: list[Array]) -> Array:
        # Rows do not see each other, so the gradient of the sum is row by row.
        return second(value, *others)[0]

    gradient = jax.jit(jax.grad(total))(value, others)
    return value.astype(jnp.float32), gradient.astype(jnp.float32)


Program = Callable[..., list[Any]]


def _cut(program: core.ClosedJaxpr, stage: str) -> tuple[Program, Program]:
    """Splits ``x -> (stage, logit)``: ``x -> (stage, *more)``, and on to the logit."""
    jaxpr = program.jaxpr
    value, logit = jaxpr.outvars
    made_at = {out: i for i, eqn in enumerate(jaxpr.eqns) for out in eqn.outvars}
    # Under bf16 the stage is returned as a float32 copy: go back over casts.
    while value in made_at and (
        jaxpr.eqns[made_at[value]].primitive.name == "convert_element_type"
    ):
        value = jaxpr.eqns[made_at[value]].invars[0]
    if value not in made_at:
        raise ValueError(f"stage {stage!r} is the input itself, or constant")
    end = made_at[value] + 1
    before, after = jaxpr.eqns[:end], jaxpr.eqns[end:]
    known = {*jaxpr.invars, *jaxpr.constvars, *(v for e in before for v in e.outvars)}
    taken = [v for e in after for v in e.invars if isinstance(v, core.Var)]
    if value not in taken or not _leads_to(after, value, logit):
        raise ValueError(
            f"the logits do not depend on what the network returns as stage {stage!r}: "
            "return the value that the next layer takes, not a copy of it"
        )
    others = [v for v in dict.fromkeys(taken) if v in known and v is not value]
    first = jaxpr.replace(eqns=before, outvars=[value, *others])
    second = jaxpr.replace(
        constvars=[], invars=[value, *others], outvars=[logit], eqns=after
    )
    return (
        core.jaxpr_as_fun(core.ClosedJaxpr(first, program.consts)),
        core.jaxpr_as_fun(core.ClosedJaxpr(second, ())),
    )


def _leads_to(eqns: list[core.JaxprEqn], start: core.Var, end: Any) -> bool:
    reached = {start}
    for eqn in eqns:
        if any(isinstance(v, core.Var) and v in reached for v in eqn.invars):
            reached |= set(eqn.outvars)
    return end in reached
