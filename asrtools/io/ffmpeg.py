"""Formats that libsndfile does not read (m4a, webm, amr, ...), through the ffmpeg program."""

import re
import shutil
import subprocess
import tempfile

from asrtools.errors import DataError

_CUT_SHORT = re.compile(r"ended prematurely|partial file|truncated", re.IGNORECASE)  # said with exit status 0 of webm


def has_ffmpeg() -> bool:
    return shutil.which("ffmpeg") is not None


def to_wave(path: str, where: str, kind: str) -> bytes:
    """The first audio stream of a file as a 32-bit float wave, at its own rate and with its own channels."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise DataError(
            f"{where}: {kind} needs the ffmpeg program, which is not on PATH; install it, or convert to wav or flac"
        )
    # explode: a file that is cut short is an error and not a short recording
    command = [program, "-nostdin", "-hide_banner", "-loglevel", "error", "-xerror", "-err_detect", "explode"]
    command += ["-i", f"file:{path}", "-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "wav", "-"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    lines = [re.sub(r"^(\[[^]]*\] *)+", "", line) for line in done.stderr.decode("utf-8", "replace").splitlines()]
    cut = [line for line in lines if _CUT_SHORT.search(line)]
    if done.returncode != 0 or cut:
        cause = (cut or lines or [f"exit status {done.returncode}"])[-1].strip().removeprefix(f"file:{path}: ")
        raise DataError(f"{where}: ffmpeg cannot read it as {kind} ({cause}); should be a whole audio file")
    return done.stdout


def bytes_to_wave(data: bytes, where: str, kind: str) -> bytes:
    """The same for bytes; through a file, for the index of an m4a may stand at its end."""
    with tempfile.NamedTemporaryFile(suffix=f".{kind}") as file:
        file.write(data)
        file.flush()
        return to_wave(file.name, where, kind)
