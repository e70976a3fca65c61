"""A writer that remembers, and one that fails."""


class Memory:
    """Keeps calls in order."""

    def __init__(self):
        self.calls = []

    def start(self, run):
        self.calls.append(("start", dict(run)))

    def write(self, phase, step, values):
        self.calls.append(
            ("write", phase, step, {k: dict(v) for k, v in values.items()})
        )

    def close(self):
        self.calls.append(("close",))

    def chunks(self):
        return [call[1:] for call in self.calls if call[0] == "write"]


class Failing(Memory):
    """Fails in one of its methods."""

    def __init__(self, where):
        super().__init__()
        self.where = where

    def start(self, run):
        super().start(run)
        self._fail("start")

    def write(self, phase, step, values):
        super().write(phase, step, values)
        self._fail("write")

    def close(self):
        super().close()
        self._fail("close")

    def _fail(self, name):
        if self.where == name:
            raise OSError("the server is gone")
