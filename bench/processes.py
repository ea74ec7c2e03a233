"""How much processor time was used, and by whom (Linux; elsewhere it is unknown)."""

import os
from collections import defaultdict
from pathlib import Path

PROC = Path("/proc")
IDLE_FIELDS = (3, 4)  # idle, iowait
COUNTED_TWICE = 8  # from here on: guest time, which is in user time already


def machine_cpu_seconds() -> float | None:
    """Return the seconds for which processors were busy with anything since the machine started.

    Time that a hypervisor gave to other machines counts: it was not ours either.
    """
    if not PROC.is_dir():
        return None
    ticks = [int(field) for field in (PROC / "stat").read_text().splitlines()[0].split()[1:]]
    busy = sum(n for at, n in enumerate(ticks[:COUNTED_TWICE]) if at not in IDLE_FIELDS)
    return busy / os.sysconf("SC_CLK_TCK")


def cpu_seconds(root: int | None) -> float | None:
    """Return the user and system seconds of a process and of all its living descendants."""
    if root is None or not PROC.is_dir():
        return None
    seconds: dict[int, float] = {}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for directory in PROC.iterdir():
        if not directory.name.isdecimal():
            continue
        try:
            stat = (directory / "stat").read_text()
        except OSError:  # it ended meanwhile
            continue
        # The name before the last parenthesis may hold spaces; proc(5) counts from there.
        fields = stat.rpartition(")")[2].split()
        process = int(directory.name)
        children[int(fields[1])].append(process)
        seconds[process] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    total = 0.0
    waiting = [root]
    while waiting:
        process = waiting.pop()
        total += seconds.get(process, 0.0)
        waiting += children[process]
    return total
