from asrtools.io.scp import ScpEntry, read_scp, split_key


def test_keys_end_at_the_first_tab_or_space(tmp_path):
    path = tmp_path / "wav.scp"
    path.write_text("a /x/a b.wav\nb\t \tsox b.wav -t wav - |\n  c c.wav  \n")
    assert list(read_scp(path)) == [
        ScpEntry("a", "/x/a b.wav", 1),
        ScpEntry("b", "sox b.wav -t wav - |", 2),
        ScpEntry("c", "c.wav", 3),
    ]


def test_unicode_spaces_belong_to_keys_and_values():
    assert split_key("一\u3000二 三\u3000四\xa0五") == ("一\u3000二", "三\u3000四\xa0五")


def test_bad_lines_are_entries_and_the_rest_comes(tmp_path):
    path = tmp_path / "wav.scp"
    path.write_bytes(b"a a.wav\nb\na other.wav\n\xff x.wav\nc c.wav\n")
    entries = list(read_scp(path))
    assert [entry.key for entry in entries if not entry.error] == ["a", "c"]
    assert [(entry.line, entry.error.partition(": ")[2]) for entry in entries if entry.error] == [
        (2, "b has no value; a line should be `key value`"),
        (3, "duplicate key a; every key should stand once"),
        (4, "byte 0xff at position 1 is not UTF-8; save the file as UTF-8"),
    ]


def test_a_table_may_hold_empty_transcripts(tmp_path):
    path = tmp_path / "text"
    path.write_text("a 你好 吗\nb\nc \n", encoding="utf-8")
    assert {e.key: e.value for e in read_scp(path, allow_empty=True)} == {"a": "你好 吗", "b": "", "c": ""}
