"""Starts one command of the suite; every file beside this one is three lines."""

import importlib
import sys


def run(module_name: str, command: str) -> None:
    if module_name != "__main__":  # a worker process imports the script that started it
        return
    try:
        module = importlib.import_module("asrtools.commands." + command.replace("-", "_"))
    except ModuleNotFoundError as error:
        sys.exit(
            f"{command}: the environment is not set up ({error}); run `. ./path.sh` in the asrtools directory first"
        )
    module.main()
