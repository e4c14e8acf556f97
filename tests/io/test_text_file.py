import gzip
import os
import subprocess
import sys
import threading

import pytest

from asrtools.errors import DataError
from asrtools.io.text_file import Line, atomic_write, look_into, read_lines


def test_bom_crlf_and_blank_lines_are_tolerated(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"\xef\xbb\xbfa x\r\n\r\n \t \nb y")
    assert list(read_lines(path)) == [Line(1, "a x"), Line(4, "b y")]


def test_unicode_spaces_and_line_separators_are_part_of_the_text(tmp_path):
    path = tmp_path / "text"
    path.write_text("a\u3000b c\u2028d\x85e\n\u3000\n", encoding="utf-8")
    assert [line.text for line in read_lines(path)] == ["a\u3000b c\u2028d\x85e", "\u3000"]


def test_a_line_that_is_not_utf8_does_not_end_the_file(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"a x\nb \xe9t\xe9\nc z\n")
    first, second, third = read_lines(path)
    assert (first.text, third.text) == ("a x", "c z")
    assert second.number == 2
    assert second.error == f"{path}:2: byte 0xe9 at position 3 is not UTF-8; save the file as UTF-8"


def test_gzip_is_read_whatever_it_is_called(tmp_path):
    path = tmp_path / "wav.scp"
    path.write_bytes(gzip.compress("a 你好\n".encode()))
    assert list(read_lines(path)) == [Line(1, "a 你好")]


def test_gzip_that_is_cut_short_names_the_file(tmp_path):
    path = tmp_path / "wav.scp.gz"
    path.write_bytes(gzip.compress(os.urandom(5000))[:3000])
    with pytest.raises(DataError, match=r"wav\.scp\.gz: is damaged or cut short"):
        list(read_lines(path))


def test_stdin_is_read_as_bytes_whatever_the_locale(type_in):
    type_in("a 你好\n".encode())
    assert list(read_lines("-")) == [Line(1, "a 你好")]


def test_utf16_says_how_to_convert(tmp_path):
    path = tmp_path / "text"
    path.write_bytes("a b\n".encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16 text; should be UTF-8 .iconv"):
        list(read_lines(path))


def test_missing_files_and_directories_are_one_sentence(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such file"):
        list(read_lines(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="is a directory; should be a file"):
        list(read_lines(tmp_path))


def test_lines_of_a_pipe_come_as_they_are_written():
    script = "from asrtools.io.text_file import read_lines\nfor line in read_lines('-'): print(line.text, flush=True)"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for text in (b"one\n", b"two\n"):
            process.stdin.write(text)
            process.stdin.flush()
            assert process.stdout.readline() == text
        process.stdin.close()
        assert process.wait() == 0


def test_looking_into_a_named_pipe_takes_nothing_from_it(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"a x\nb y\n",))
    writer.start()
    assert look_into(path, 3).startswith(b"a x")
    assert [line.text for line in read_lines(path)] == ["a x", "b y"]
    writer.join()


def test_atomic_write_shows_the_file_only_when_it_is_whole(tmp_path):
    path = tmp_path / "out"
    with atomic_write(path) as out:
        out.write("你好\n")
        out.flush()
        assert not path.exists()
    assert path.read_bytes() == "你好\n".encode()
    assert os.listdir(tmp_path) == ["out"]


def test_a_failing_block_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path, "wb") as out:
        out.write(b"new")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_permissions_follow_the_umask(tmp_path):
    previous = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "out"):
            pass
    finally:
        os.umask(previous)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with atomic_write(tmp_path / "link") as out:
        out.write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_writing_into_a_missing_folder_names_it(tmp_path):
    with (
        pytest.raises(DataError, match="nowhere is no directory; make it first"),
        atomic_write(tmp_path / "nowhere/out"),
    ):
        pass


def test_writing_over_a_directory_is_refused(tmp_path):
    with pytest.raises(DataError, match="is a directory"), atomic_write(tmp_path):
        pass


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_one_sentence_with_the_path():
    with (
        pytest.raises(DataError, match="/dev/full: cannot be written .no space left on device"),
        atomic_write("/dev/full") as out,
    ):
        out.write("x")


def test_a_file_that_grows_too_large_leaves_nothing(tmp_path):
    script = (
        "import resource, signal, sys\n"
        "from asrtools.io.text_file import atomic_write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "with atomic_write(sys.argv[1], 'wb') as out: out.write(bytes(5000))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "out"], capture_output=True, text=True, check=False)
    assert "DataError" in done.stderr.splitlines()[-1]
    assert "cannot be written (file too large)" in done.stderr.splitlines()[-1]
    assert os.listdir(tmp_path) == []


def test_a_closed_pipe_is_left_to_the_command(tmp_path):
    with pytest.raises(BrokenPipeError), atomic_write(tmp_path / "out"):
        raise BrokenPipeError
    assert os.listdir(tmp_path) == []
