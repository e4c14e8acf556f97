"""Starts one command of the suite; every file beside this one is three lines."""

import importlib
import signal
import sys


def run(module_name: str, command: str) -> None:
    if module_name != "__main__":  # a worker process imports the script that started it
        return
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C before the command has begun: no traceback
    try:
        module = importlib.import_module("asrtools.commands." + command.replace("-", "_"))
    except ModuleNotFoundError as error:
        sys.exit(
            f"{command}: the environment is not set up ({error}); run `. ./path.sh` in the asrtools directory first"
        )
    module.main()
