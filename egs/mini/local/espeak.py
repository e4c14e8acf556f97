#!/usr/bin/env python3
"""Text to speech with espeak-ng, where what was spoken before changes nothing.

espeak-ng seeds its random numbers from the clock, and the flutter of the pitch, the gain control and the count of
glottal cycles are C statics that live on from one utterance to the next, even through espeak_Terminate. So each
utterance is spoken by a fresh fork of a process that has loaded the voices and never said anything, with a seed of
its own: its samples depend on its own arguments only. That process is this file run as a program: it holds no threads,
which makes forking safe, and it keeps the GPL library out of the process that asks.
"""

import contextlib
import ctypes
import json
import os
import struct
import subprocess
import sys

SAMPLE_RATE_HZ = 22050
_RETRIEVE_SYNCHRONOUSLY, _DONT_EXIT, _CHARS_UTF8, _POSITION_CHARACTER = 2, 0x8000, 1, 1
_PARAMETERS = {"rate": 1, "volume": 2, "pitch": 3, "pitch_range": 4}


class EspeakError(RuntimeError):
    """espeak-ng is missing or refused an utterance."""


class Espeak:
    """A running synthesiser; one thread at a time may use it."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def speak(self, text, voice, seed=0, **parameters):
        """16-bit mono samples as bytes at SAMPLE_RATE_HZ; parameters are rate (words a minute), pitch, pitch_range
        and volume (0 to 100)."""
        unknown = sorted(set(parameters) - set(_PARAMETERS))
        if unknown:
            raise TypeError(f"speak() has no parameter {unknown[0]!r}; it has {', '.join(_PARAMETERS)}")
        request = {"text": text, "voice": voice, "seed": seed, "parameters": parameters}
        # a process that has ended shows as an empty answer
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        header = self._process.stdout.read(4)
        if len(header) < 4:
            raise EspeakError("espeak-ng did not start; its message stands above")
        pcm = self._process.stdout.read(struct.unpack("<i", header)[0])
        if not pcm:
            raise EspeakError(f"espeak-ng, voice {voice}: no sound for {text!r}; its message stands above")
        return pcm

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()


def _load():
    try:
        import espeakng_loader
    except ImportError:
        raise EspeakError("no module espeakng_loader; run utils/setup.sh --extras synth") from None
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    # espeak-ng cuts long paths to fit a fixed buffer, so it is given a short relative one
    os.chdir(os.path.dirname(espeakng_loader.get_data_path()))
    data = os.path.basename(espeakng_loader.get_data_path()).encode()
    rate = library.espeak_Initialize(_RETRIEVE_SYNCHRONOUSLY, 0, data, _DONT_EXIT)
    if rate != SAMPLE_RATE_HZ:
        raise EspeakError(f"espeak-ng starts with a sample rate of {rate} Hz, {SAMPLE_RATE_HZ} Hz expected")
    return library


def _speak(library, request):
    chunks = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    def collect(samples, num_samples, _events):
        if samples and num_samples > 0:
            chunks.append(ctypes.string_at(samples, 2 * num_samples))
        return 0

    library.espeak_SetSynthCallback(collect)
    if library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
        raise EspeakError(f"espeak-ng has no voice {request['voice']!r}")
    for name, value in request["parameters"].items():
        library.espeak_SetParameter(_PARAMETERS[name], int(value), 0)
    library.espeak_ng_SetRandSeed(ctypes.c_long(request["seed"]))
    text = request["text"].encode()
    library.espeak_Synth(text, len(text) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
    return b"".join(chunks)


def _write_all(fd, data):
    while data:
        data = data[os.write(fd, data) :]


def _answer(library, line):
    """Speak one request in a fork and write its length and samples; a length of 0 says that it failed."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            pcm = _speak(library, json.loads(line))
            _write_all(1, struct.pack("<i", len(pcm)) + pcm)
            status = 0
        except EspeakError as error:
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
        finally:
            # without _exit the child would go on reading requests
            os._exit(status)
    if os.waitpid(child, 0)[1] != 0:
        _write_all(1, struct.pack("<i", 0))


def main():
    try:
        library = _load()
    except (EspeakError, OSError) as error:
        sys.exit(f"espeak: {error}")
    for line in sys.stdin.buffer:
        _answer(library, line)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
