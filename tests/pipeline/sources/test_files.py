"""Files of this machine, and of Beam's file systems: Beam's own local one stands for those."""

import datetime as dt
import os
from pathlib import Path

import pytest

from pipeline.sources import files
from pipeline.sources.base import SourceError
from pipeline.sources.files import changed_at, files_at, identity_of, open_file, size_of


@pytest.fixture(params=["local", "beam"])
def where(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "beam":
        monkeypatch.setattr(files, "local_path", lambda _: None)
    for name in ("b.gz", "a.txt", "in/c.txt", "in/.hidden"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return tmp_path


def test_bytes_are_given_as_they_are(where: Path) -> None:
    with open_file(str(where / "b.gz")) as file:
        file.seek(1)
        assert file.read() == b".gz"


def test_size_and_time_of_change(where: Path) -> None:
    path = str(where / "a.txt")
    assert size_of(path) == 5
    assert changed_at(path) == dt.datetime.fromtimestamp(1_700_000_000, dt.UTC)


def test_the_identity_changes_with_the_file(where: Path) -> None:
    path = where / "a.txt"
    before = identity_of(str(path))
    assert identity_of(str(path)) == before
    assert identity_of(str(where / "in/c.txt")) != before
    path.write_bytes(b"longer than before")
    assert identity_of(str(path)) != before


def test_a_pattern_stands_for_its_files(where: Path) -> None:
    assert files_at(f"{where}/*.txt") == [f"{where}/a.txt"]
    assert files_at(f"{where}/a.txt") == [f"{where}/a.txt"]


def test_a_folder_stands_for_all_files_in_it(tmp_path: Path) -> None:
    for name in ("b", "in/c", "in/.hidden", ".d/e"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert files_at(str(tmp_path)) == [f"{tmp_path}/b", f"{tmp_path}/in/c"]


def test_what_is_not_there_is_an_error(where: Path) -> None:
    missing = str(where / "none")
    for function in (open_file, size_of, changed_at, identity_of, files_at):
        with pytest.raises(SourceError, match="none"):
            function(missing)


def test_messages_have_no_credentials() -> None:
    with pytest.raises(SourceError) as raised:
        open_file("nowhere://user:secret@host/key")
    assert "secret" not in str(raised.value)
