import pytest

from asrtools.errors import DataError
from asrtools.io.pipe import is_pipe, run_pipe


def test_a_pipe_gives_what_the_command_prints():
    assert run_pipe("printf 'a\\0b' | tr a c |") == b"c\0b"


def test_a_command_that_prints_and_fails_is_an_error_with_key_status_and_last_words():
    with pytest.raises(DataError) as caught:
        run_pipe("echo audio; echo noise >&2; echo 'cannot open x.sph' >&2; exit 3 |", key="utt1")
    message = str(caught.value)
    assert message.startswith("utt1: pipe `echo audio;")
    assert "failed with exit status 3 (cannot open x.sph)" in message
    assert "\n" not in message


def test_a_failing_first_command_is_not_hidden_by_the_last():
    with pytest.raises(DataError, match="exit status 7 .it said nothing."):
        run_pipe("(exit 7) | cat |")


def test_a_reader_that_has_enough_does_not_fail_the_pipe():
    assert run_pipe("yes | head -n 1 |") == b"y\n"


def test_a_talkative_command_does_not_hang():
    assert run_pipe("for i in $(seq 20000); do echo 'some progress' >&2; done; echo done |") == b"done\n"


def test_a_command_cannot_eat_our_stdin(type_in):
    type_in(b"lines of a list\n")
    assert run_pipe("cat |") == b""


def test_an_unknown_command_and_an_empty_one_are_errors():
    with pytest.raises(DataError, match="exit status 127"):
        run_pipe("no-such-command-here x.wav |")
    with pytest.raises(DataError, match="is empty; should be a command"):
        run_pipe(" |")


def test_pipes_are_known_by_their_end():
    assert is_pipe("sox a.wav -t wav - | ")
    assert not is_pipe("a|b.wav")
