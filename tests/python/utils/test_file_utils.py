import hashlib
import io
import os
import pathlib
import tarfile
import zipfile

import pytest
from addax.utils import get_file
from addax.utils.file_utils import validate_file


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "datasets"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.txt"
    path.write_bytes(b"some data")
    return path


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_file_is_downloaded_once_into_the_cache(cache, source, capsys):
    path = get_file("a.txt", source.as_uri(), file_hash=sha(source))
    assert path == str(cache / "a.txt")
    assert (cache / "a.txt").read_bytes() == b"some data"
    assert f"Downloading data from {source.as_uri()}" in capsys.readouterr().out
    get_file("a.txt", source.as_uri(), file_hash=sha(source))
    assert capsys.readouterr().out == ""


def test_name_comes_from_the_address(cache, source):
    assert get_file(origin=source.as_uri()) == str(cache / "source.txt")


def test_wrong_hash_is_an_error_and_leaves_nothing(cache, source):
    with pytest.raises(ValueError, match="Incomplete or corrupted file detected"):
        get_file("a.txt", source.as_uri(), file_hash="0" * 64)
    assert os.listdir(cache) == []


def test_outdated_file_is_downloaded_again(cache, source, capsys):
    get_file("a.txt", source.as_uri())
    (cache / "a.txt").write_bytes(b"broken")
    get_file("a.txt", source.as_uri(), file_hash=sha(source))
    assert (cache / "a.txt").read_bytes() == b"some data"
    assert "A local file was found, but it seems to be incomplete" in capsys.readouterr().out


def test_missing_source_is_named(cache, tmp_path):
    with pytest.raises(Exception, match=r"URL fetch failure on file:.*nowhere"):
        get_file("a.txt", (tmp_path / "nowhere").as_uri())
    assert os.listdir(cache) == []


def test_arguments_are_checked(cache):
    with pytest.raises(ValueError, match='Please specify the "origin" argument'):
        get_file("a")
    for name in ("a/b", "../a", ".."):
        with pytest.raises(ValueError, match="Paths are no longer accepted"):
            get_file(name, "file:///x")
    with pytest.raises(ValueError, match="Can't parse the file name"):
        get_file(origin="https://example.org/")


def make_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_archives_are_extracted_into_a_folder(cache, tmp_path):
    make_tar(tmp_path / "t.tar.gz", [("d/a.txt", b"hi")])
    folder = get_file("t.tar.gz", (tmp_path / "t.tar.gz").as_uri(), extract=True)
    assert folder == str(cache / "t_extracted")
    assert pathlib.Path(os.path.join(folder, "d", "a.txt")).read_text() == "hi"
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("b.txt", "ho")
    folder = get_file(origin=(tmp_path / "z.zip").as_uri(), extract=True)
    assert pathlib.Path(os.path.join(folder, "b.txt")).read_text() == "ho"
    folder = get_file("u", (tmp_path / "t.tar.gz").as_uri(), untar=True)
    assert folder == str(cache / "u")
    assert os.path.isfile(os.path.join(folder, "d", "a.txt"))


def test_members_that_lead_out_of_the_folder_are_skipped(cache, tmp_path):
    make_tar(tmp_path / "t.tar", [("../evil.txt", b"x"), ("/tmp/evil.txt", b"x"), ("ok", b"y")])
    with pytest.warns(UserWarning, match="Skipping invalid path during archive extraction"):
        folder = get_file("t.tar", (tmp_path / "t.tar").as_uri(), extract=True)
    assert os.listdir(folder) == ["ok"]
    assert not (cache / "evil.txt").exists()


def test_links_in_archives_are_skipped(cache, tmp_path):
    with tarfile.open(tmp_path / "l.tar", "w") as archive:
        link = tarfile.TarInfo("link")
        link.type = tarfile.SYMTYPE
        link.linkname = "/etc"
        archive.addfile(link)
    with pytest.warns(UserWarning, match="Skipping invalid path"):
        folder = get_file("l.tar", (tmp_path / "l.tar").as_uri(), extract=True)
    assert os.listdir(folder) == []


def test_hash_algorithm_is_found_by_length(source):
    assert validate_file(str(source), sha(source))
    assert validate_file(str(source), hashlib.md5(source.read_bytes()).hexdigest())
    assert not validate_file(str(source), "0" * 32)
