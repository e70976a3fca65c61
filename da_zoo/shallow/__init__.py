"""Shallow methods: closed forms and small convex problems, in NumPy.

``SHALLOW`` lists what :class:`ShallowAdapter`, the command line and the benchmark know.
"""

from da_zoo.registry import ShallowSpec
from da_zoo.shallow import (
    coral,
    density_ratio,
    gfk,
    jda,
    kliep,
    kmm,
    ot_mapping,
    subspace_alignment,
    tca,
    unadapted,
)
from da_zoo.shallow.coral import Coral
from da_zoo.shallow.density_ratio import DensityRatio
from da_zoo.shallow.gfk import Gfk
from da_zoo.shallow.jda import Jda
from da_zoo.shallow.kliep import Kliep
from da_zoo.shallow.kmm import Kmm
from da_zoo.shallow.ot_mapping import OtMapping
from da_zoo.shallow.subspace_alignment import SubspaceAlignment
from da_zoo.shallow.tca import Tca
from da_zoo.shallow.unadapted import Unadapted

__all__ = [
    "SHALLOW",
    "Coral",
    "DensityRatio",
    "Gfk",
    "Jda",
    "Kliep",
    "Kmm",
    "OtMapping",
    "SubspaceAlignment",
    "Tca",
    "Unadapted",
]

SHALLOW: dict[str, ShallowSpec] = {
    spec.name: spec
    for spec in (
        unadapted.SPEC,
        coral.SPEC,
        subspace_alignment.SPEC,
        gfk.SPEC,
        tca.SPEC,
        jda.SPEC,
        ot_mapping.SPEC,
        kmm.SPEC,
        kliep.SPEC,
        density_ratio.SPEC,
    )
}
"""Every shallow method by name: the yardstick, alignment, then weighting."""
