"""How much processor time a process and its descendants have used (Linux; elsewhere unknown)."""

import os
from collections import defaultdict
from pathlib import Path

PROC = Path("/proc")


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
