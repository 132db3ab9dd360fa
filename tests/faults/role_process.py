"""One role, or the API, as a process of its own; its settings come from the environment. Says `ready` once it serves."""

from __future__ import annotations

import faulthandler
import logging
import signal
import sys
import threading

from deploy.roles import Running
from deploy.serving import app_of, served
from deploy.settings import Settings
from deploy.wiring import open_ledger_parts


def main(role: str) -> int:
    faulthandler.enable()
    settings = Settings.from_environment()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    wired = open_ledger_parts(settings)
    if role != "api":
        running = Running(wired.roles((role,)), wired.wait).start()
        print("ready", flush=True)
        return running.until_signal()
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    with served(app_of(wired), settings.host, settings.port):
        print("ready", flush=True)
        told.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
