"""The benchmark: plan, run, store, aggregate, report."""

from da_zoo.bench.plan import BUDGETS, Budget
from da_zoo.bench.preview import preview
from da_zoo.bench.rendering import render
from da_zoo.bench.run import BenchResult, run

__all__ = ["BUDGETS", "BenchResult", "Budget", "preview", "render", "run"]
