"""A suite of one scenario, or two, that trains in a moment."""

SHIFT = """
name = "tiny"
label_fractions = [0.05]
[defaults]
network = "mlp"
network_options = { hidden = [8, 4] }
steps = 4
batch_size = 8
batch_norm = "separate"
learning_rate = 1e-2
[[scenarios]]
name = "shift"
source = { pool = "digits8", input_map = "plain", task = "digit" }
target = { pool = "digits8", input_map = "over07", task = "digit" }
"""

OTHER_TASK = """
[[scenarios]]
name = "other_task"
source = { pool = "digits8", input_map = "plain", task = "digit" }
target = { pool = "digits8", input_map = "plain", task = "parity" }
"""
