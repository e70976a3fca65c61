"""The benchmark: plan, run, store, aggregate, report."""

from da_zoo.bench.plan import BUDGETS, Budget
from da_zoo.bench.run import BenchResult, preview, render, run

__all__ = ["BUDGETS", "BenchResult", "Budget", "preview", "render", "run"]
