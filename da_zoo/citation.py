"""What to know, and to cite, of a method."""

from da_zoo.registry import MethodSpec

__all__ = ["describe"]

TRACKS = {"U": "unlabelled target", "F": "a labelled share of the target"}


def describe(spec: MethodSpec) -> str:
    """Returns a method's page as plain text: setting, paper, tunables, BibTeX.

    Example:
        >>> from da_zoo import METHODS
        >>> print(describe(METHODS["dann"]).splitlines()[0])
        dann: A discriminator tells domains apart; its reversed gradient aligns them.
    """
    tracks = "; ".join(f"{t} ({TRACKS[t]})" for t in sorted(spec.tracks))
    lines = [
        f"{spec.name}: {spec.summary}",
        "",
        f"Setting      {spec.setting}",
        f"Tracks       {tracks}",
        f"Paper        {spec.paper}",
    ]
    if spec.departures:
        lines.append(f"Departures   {spec.departures}")
    if spec.hparams:
        lines += ["", "Hyper-parameters (default; search range; source)"]
    for h in spec.hparams:
        if h.scale == "choice":
            search = " | ".join(map(str, h.choices)) or "not searched"
        else:
            search = f"{h.low:g} to {h.high:g}, {h.scale}"
        kind = "traced" if h.traced else "static"
        lines.append(f"  {h.name:<20} {h.default}; {search}; {kind}; {h.source}")
    lines += [
        "",
        "Settings shared by all methods: learning_rate, weight_decay, optimizer,",
        "schedule, batch_norm, width (see da_zoo.Settings).",
    ]
    if spec.bibtex:
        lines += ["", spec.bibtex]
    return "\n".join(lines)
