"""profile_shares.py - where the shipper's time goes: SQL, building, libcurl, kernel."""

import os
import re
import shutil
import subprocess
import threading

# By the object that a sample lies in, and for what several use, by the symbol.
GROUPS = (
    ("TLS and libcurl", re.compile(r"libcurl|libssl|libnghttp2")),
    ("SHA-256 and ciphers", re.compile(r"libcrypto")),
    ("building and deciding", re.compile(r"crm_capi\.so|libstdc\+\+")),
    ("SQL", re.compile(r"postgres")),
    ("kernel", re.compile(r"\[kernel|\[unknown\]|\[k\]")),
    ("libc", re.compile(r"libc\.so|libc-|libm\.so|ld-linux")),
)


def of_shipper(pid, directory, run):
    """Runs it under perf, and says in a sentence where the process's time went."""
    if shutil.which("perf") is None:
        run()
        return "no shares of time: perf is not installed"
    data = os.path.join(directory, "perf.data")
    recorder = subprocess.Popen(
        ["perf", "record", "-q", "-e", "cpu-clock", "-F", "2000", "-p", str(pid), "-o", data],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # perf ends when it is interrupted; the thread only keeps its pipe from filling.
    waiter = threading.Thread(target=recorder.wait)
    waiter.start()
    try:
        run()
    finally:
        recorder.send_signal(2)
        waiter.join()
    done = subprocess.run(["perf", "report", "-i", data, "--stdio", "--sort", "dso", "-g", "none"],
                          capture_output=True, text=True, check=False)
    return summary(done.stdout)


def summary(text):
    shares = {name: 0.0 for name, _ in GROUPS}
    for share, place in re.findall(r"^\s+([0-9.]+)%\s+(\S+)", text, re.MULTILINE):
        for name, pattern in GROUPS:
            if pattern.search(place):
                shares[name] += float(share)
                break
    if not any(shares.values()):
        return "no shares of time: perf is not allowed to look (kernel.perf_event_paranoid)"
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return "shipper's time by place: " + ", ".join(f"{name} {share:.0f} %" for name, share in ordered)
