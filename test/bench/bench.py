"""bench.py - measures P1 to P14 on a throw-away server and prints one table.

    python3 test/bench/bench.py [--quick | --try] [--curves] [P1 ...]

Run by test/bench.sh, which builds and installs what is measured. Figures of one run are comparable;
those of two runs, or of two machines, only as ratios. --try is for test/run.sh: it takes the same
ways with next to nothing to measure, so its figures mean nothing, but that they come out does.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

import curves
import databases
import drain
import enqueue
import fairness
import footprint
import hindrance
import latency
import views
from report import Report
from world import World

PARTS = (
    (enqueue, ("P1", "P2", "P3", "P11")),
    (drain, ("P4", "P5", "P12")),
    (hindrance, ("P6",)),
    (latency, ("P7",)),
    (footprint, ("P8", "P9")),
    (fairness, ("P10",)),
    (databases, ("P13",)),
    (views, ("P14",)),
)
ALL = [f"P{number}" for number in range(1, 15)]


def read_options():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description="measures P1 to P14 of the performance goals")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", dest="size", action="store_const", const="quick", default="full",
                       help="fewer and smaller runs")
    sizes.add_argument("--try", dest="size", action="store_const", const="try",
                       help="next to nothing: does every measurement work?")
    parser.add_argument("--curves", action="store_true",
                        help="also the cost against events, datasets and an idle writer's time")
    parser.add_argument("--pg-config", default=os.environ.get("PG_CONFIG", "pg_config"))
    parser.add_argument("--programs", default=os.path.join(here, "..", "..", "build", "bench"))
    parser.add_argument("targets", nargs="*", metavar="P1")
    options = parser.parse_args()
    wrong = [target for target in options.targets if target not in ALL]
    if wrong:
        parser.error(f"no target {wrong[0]}")
    options.programs = os.path.abspath(options.programs)
    if options.size == "try" and not options.targets:
        options.targets = ALL
        options.curves = True
    return options


def print_machine(options):
    version = subprocess.check_output([options.pg_config, "--version"], text=True).strip()
    load = os.getloadavg()[0]
    print(f"{version}, {os.cpu_count()} processors, load {load:.1f} at the start, "
          f"{options.size} run, {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC",
          flush=True)


def main():
    options = read_options()
    chosen = options.targets or ([] if options.curves else ALL)
    options.directory = tempfile.mkdtemp(prefix="bench.")
    report = Report()
    began = time.monotonic()
    print_machine(options)
    world = World(options)
    try:
        for part, targets in PARTS:
            wanted = [target for target in targets if target in chosen]
            if wanted:
                print(f"== {' '.join(wanted)}", flush=True)
                part.measure_targets(world, wanted, report)
        if options.curves:
            print("== curves", flush=True)
            curves.measure_curves(world, report)
    except BaseException:
        world.cluster.print_log()
        raise
    finally:
        world.stop()
        shutil.rmtree(options.directory)
    print()
    report.print()
    print(f"\n{time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
