"""measure.py - what is measured, and how: medians, the CPU of a process, its memory, its files.

CPU is what the kernel's scheduler accounts to a process, user and system time together, in
nanoseconds. It is exact for a process that sleeps, as a backend does between two statements.
"""

import os
import statistics
import time


def median(values):
    return statistics.median(values)


def quantile(values, part):
    """The value below which that part of all values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


class Sample:
    """Values of repeated runs."""

    def __init__(self, values):
        self.values = list(values)

    @property
    def median(self):
        return median(self.values)

    def text(self, form="{:.1f}"):
        """Median and, in brackets, the quartiles."""
        low, high = quantile(self.values, 0.25), quantile(self.values, 0.75)
        return f"{form.format(self.median)} [{form.format(low)}-{form.format(high)}]"


def ratio(sample, other):
    """Median of the ratios run by run: a disturbance of the machine that lasts longer than a run
    meets both."""
    return median([a / b for a, b in zip(sample.values, other.values)])


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def cpu_us(pid):
    """CPU of a process and of all its threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        total += int(read(f"/proc/{pid}/task/{task}/schedstat").split()[0])
    return total / 1000


def of_ended_children(pid):
    """CPU in ms, and page faults, of all children of a process that have ended. Page faults do not depend
    on what else the machine does."""
    fields = read(f"/proc/{pid}/stat").rpartition(") ")[2].split()
    ticks = int(fields[13]) + int(fields[14])
    return 1000 * ticks / os.sysconf("SC_CLK_TCK"), int(fields[8])


def sleeps(pid):
    """How often a process has gone to sleep, and so how often it has woken up."""
    for line in read(f"/proc/{pid}/status").splitlines():
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
    raise RuntimeError("no voluntary_ctxt_switches")


def private_bytes(pid):
    """Memory that is this process's alone."""
    kilobytes = sum(int(line.split()[1]) for line in read(f"/proc/{pid}/smaps_rollup").splitlines()
                    if line.startswith("Private_"))
    return kilobytes * 1024


PROCESSORS = sorted(os.sched_getaffinity(0))  # that the benchmark was given


def place(pids, processors):
    """Where processes and all their threads may run."""
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(task), processors)


def keep_apart(pids, others):
    """Gives the first processor to some processes, and the rest to others."""
    if len(PROCESSORS) < 2:
        raise RuntimeError("what a statement costs can be told apart on two processors or more")
    place(pids, PROCESSORS[:1])
    place(others, PROCESSORS[1:])


def release(pids):
    """Lets processes run wherever there is room."""
    place(pids, PROCESSORS)


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def wait_until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"still not after {seconds} s: {what}")
        time.sleep(0.002)
