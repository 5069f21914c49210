"""report.py - the table at the end: target, ours, limit, best peer, ratio, met or not."""

COLUMNS = ("", "target", "ours", "limit", "best peer", "ratio", "met")


class Report:
    def __init__(self):
        self.rows = []
        self.notes = []
        self.release = []

    def add(self, number, target, ours, *, limit="", peer="", ratio="", met=None):
        """One line. A ratio may be a number; met None = shown, not judged."""
        if not isinstance(ratio, str):
            ratio = f"{ratio:.2f}"
        self.rows.append((number, target, ours, limit, peer, ratio,
                          "" if met is None else "yes" if met else "NO"))
        print("   " + " | ".join(cell for cell in self.rows[-1] if cell), flush=True)

    def note(self, text):
        """Something to read beside the table: peers that are not the best, shares, spreads."""
        self.notes.append(text)
        print("   " + text, flush=True)

    def judge_release(self, text):
        """A part of the line by which releases are compared: CPU per event, ours and the peers'."""
        self.release.append(text)

    def print(self):
        table = [COLUMNS, *self.rows]
        widths = [max(len(row[i]) for row in table) for i in range(len(COLUMNS))]
        for index, row in enumerate(table):
            cells = (cell.ljust(width) for cell, width in zip(row, widths))
            print("| " + " | ".join(cells) + " |")
            if index == 0:
                print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
        print()
        for text in self.notes:
            print("- " + text)
        if self.release:
            print("\nCPU per event, " + "; ".join(self.release))
