"""Have a Chromium for the browser tests: the system's own, else Debian's package.

Prints its path. Set ``CHROMIUM`` to use another.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """Return the browser that tests drive."""
    chosen = os.environ.get("CHROMIUM")
    return chosen or next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> None:
    """Find or install Chromium; say so where that cannot be done."""
    if find_browser() is None and shutil.which("apt-get"):
        root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
        sys.stdout.write("==> Installing Chromium for the browser tests\n")
        sys.stdout.flush()
        for command in (
            ["update", "-q"],
            ["install", "-qy", "--no-install-recommends", "chromium"],
        ):
            subprocess.run(
                [*root, "apt-get", *command],
                check=False,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            )
    if find_browser() is None:
        sys.exit(
            "The browser tests need Chromium, and it could not be installed from here. "
            "Install it, or set CHROMIUM to its path."
        )


if __name__ == "__main__":
    main()
