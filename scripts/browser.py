"""Find the Chromium that browser tests drive; where there is none, install Debian's package.

``CHROMIUM`` names another one.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
MAC_APPLICATIONS = (
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Chromium.app/Contents/MacOS/Chromium",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
WINDOWS_PROGRAMS = (
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)


def find_browser() -> str | None:
    """Return the browser's path: that of ``CHROMIUM``, else the first that is installed."""
    if chosen := os.environ.get("CHROMIUM"):
        return shutil.which(chosen)
    return next((path for name in _candidates() if (path := shutil.which(name))), None)


def _candidates() -> list[str]:
    """Return what may be a browser here: names to look for on the path, and whole paths."""
    if sys.platform == "darwin":
        folders, programs = [Path("/Applications"), Path.home() / "Applications"], MAC_APPLICATIONS
    else:
        folders = [Path(os.environ[name]) for name in WINDOWS_FOLDERS if name in os.environ]
        programs = WINDOWS_PROGRAMS
    return [*NAMES, *(str(folder / program) for folder in folders for program in programs)]


def _install() -> None:
    """Ask Debian's package manager for Chromium; whether that worked is seen afterwards."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if sudo and not shutil.which("sudo"):
        return
    sys.stdout.write("==> Installing Chromium for the browser tests\n")
    sys.stdout.flush()
    for arguments in (["update", "-q"], ["install", "-qy", "--no-install-recommends", "chromium"]):
        subprocess.run(
            [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *arguments],
            check=False,
            stdout=subprocess.DEVNULL,
        )


def main() -> None:
    """Have a browser, or say in one sentence what to do."""
    if find_browser():
        return
    if chosen := os.environ.get("CHROMIUM"):
        sys.exit(f"CHROMIUM is set to {chosen}, and no program is there.")
    if shutil.which("apt-get"):
        _install()
    if not find_browser():
        sys.exit(
            "The browser tests need Chromium, Chrome or Edge, and Chromium could not be installed "
            "from here. Install one, or set CHROMIUM to its path."
        )


if __name__ == "__main__":
    main()
