"""One more process of the API, as `deploy.workers` starts it."""

from __future__ import annotations

import os
import signal
import sys
import threading

from deploy.commands.serving import API, run
from deploy.logs import write_logs
from deploy.memory import look_seldom_for_garbage
from deploy.settings import Settings
from deploy.wiring import open_ledger_parts


def _end_with_whoever_started_this() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """One more process of the API, until its input ends or a signal comes; the exit code."""
    settings = Settings.from_environment()
    write_logs(settings.log_level, settings.log, API)
    look_seldom_for_garbage()
    wired = open_ledger_parts(settings)
    threading.Thread(target=_end_with_whoever_started_this, name="kuty-ending", daemon=True).start()
    try:
        return run(wired, (API,), shared=True)
    finally:
        wired.close()


if __name__ == "__main__":
    sys.exit(main())
