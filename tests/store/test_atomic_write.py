"""A file that is replaced whole, or not at all."""

import pytest

from service.store.atomic_write import atomic_write


def test_atomic_write_replaces_the_text_and_sets_the_mode(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    atomic_write(path, "new\n", mode=0o640)
    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_failed_atomic_write_changes_nothing_and_leaves_no_draft(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        atomic_write(path, "\udc80", mode=0o644)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
