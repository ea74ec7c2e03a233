"""``python -m bench.reading FILE``: read an ONIX message to its end, and say what that took."""

import json
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path

from app.books.importers.batches import collected_after_batches
from app.books.importers.onix.reader import read_message
from bench.processes import PROC


@dataclass(frozen=True)
class Reading:
    """How long a message took to read, in seconds and processor seconds, and the most memory."""

    seconds: float
    cpu: float
    peak_mib: int


def peak_mib(pid: int | str) -> int:
    """Return the most memory that a process ever held (Linux; elsewhere 0)."""
    try:
        status = (PROC / str(pid) / "status").read_text()
    except OSError:  # it ended meanwhile, or nothing is told here
        return 0
    kilobytes = next((line.split()[1] for line in status.splitlines() if "VmHWM" in line), "0")
    return int(kilobytes) // 1024


def main() -> None:
    """Read the message that is named, as an import does, and print the figures as JSON."""
    began = time.monotonic()
    with Path(sys.argv[1]).open("rb") as file, collected_after_batches():
        deque(read_message(file), maxlen=0)
    reading = Reading(time.monotonic() - began, time.process_time(), peak_mib("self"))
    print(json.dumps(asdict(reading)))


if __name__ == "__main__":
    main()
