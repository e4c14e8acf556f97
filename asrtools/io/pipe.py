"""Kaldi pipes: a value `cmd |` is what the command prints."""

import subprocess
import tempfile

from asrtools.errors import DataError

SIGPIPE_STATUS = 128 + 13


def is_pipe(value: str) -> bool:
    return value.rstrip().endswith("|")


def run_pipe(value: str, key: str = "") -> bytes:
    """What the command of `cmd |` prints; a failing command is a DataError also when it printed something."""
    command = value.strip().removesuffix("|").strip()
    where = f"{key}: pipe `{command}`" if key else f"pipe `{command}`"
    if not command:
        raise DataError(f"{where}: is empty; should be a command before the |")
    with tempfile.TemporaryFile() as messages:  # a file, for a talkative command would fill a pipe and hang
        try:
            process = subprocess.Popen(
                ["bash", "-o", "pipefail", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=messages,
            )
        except OSError as error:
            raise DataError(f"{where}: cannot be run ({error.strerror}); bash should be on PATH") from error
        try:
            printed, _ = process.communicate()
        except BaseException:
            process.kill()
            process.wait()
            raise
        status = process.returncode
        # pipefail gives the last failure from the right; when that is SIGPIPE, every later command went well and merely
        # had enough (`sox ... | head -c 32044`)
        if status not in (0, SIGPIPE_STATUS):
            cause = f"{_how_it_ended(status)} ({_last_line(messages)})"
            raise DataError(f"{where}: {cause}; it should exit with 0, run it in bash to see why")
    return printed


def _how_it_ended(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"failed with exit status {status}"


def _last_line(messages) -> str:
    size = messages.seek(0, 2)
    messages.seek(max(0, size - 4096))
    lines = [line.strip() for line in messages.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][-300:] if lines else "it said nothing"
