"""A tracker that remembers."""


class Told:
    """What it is told, and how the runs ended; `fails` says of what it fails."""

    name, awaited = "told", False

    def __init__(self, fails=lambda what: False):
        self.calls, self.ends, self.fails = [], [], fails

    def check(self):
        pass

    def begin(self, about):
        self.about = about

    def row(self, counters, values):
        self.add("row", counters, values)

    def picture(self, name, counters, path):
        self.add(name, counters, path.name)

    def card(self, card, files):
        self.add("card", card["status"], sorted(files))

    def end(self, state):
        self.ends.append(state)

    def add(self, *call):
        if self.fails(call[0]):
            raise ConnectionError("the tracker is away\nand says more")
        self.calls.append(call)
