"""Downloads into Keras's cache folder, checked by hash, and safe extraction of archives."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from addax.utils.io_utils import print_msg

_CHUNK = 1 << 16


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: str | None = None,
    force_download: bool = False,
) -> str:
    """Path of a file in the cache folder, downloaded if it is not there or has another hash.

    The file appears under its name only when it is whole and its hash is right: it is written
    beside and renamed.

    Args:
        fname: Name in the cache, the last part of `origin` if `None`.
        origin: Address of the file.
        untar: Older name of `extract` for tar files; the folder then has the name `fname`.
        md5_hash: Older name of `file_hash`.
        file_hash: Expected hash in hexadecimal digits.
        cache_subdir: Folder below the cache folder, or an absolute path.
        hash_algorithm: "md5", "sha256" or "auto" (by the hash's length).
        extract: Whether to unpack an archive.
        archive_format: "tar", "zip", a list of them, "auto" for both, `None` for none.
        cache_dir: Cache folder; `$KERAS_HOME`, or `~/.keras`, if `None`.
        force_download: Whether to download even if the file is there.

    Returns:
        Path of the file, or of the folder `<name>_extracted` that holds an archive's content.

    Raises:
        ValueError: If there is no `origin`, `fname` is a path, or the hash is wrong after the
            download.
        OSError: If the address cannot be read ("URL fetch failure on ...").
    """
    if origin is None:
        raise ValueError('Please specify the "origin" argument (URL of the file to download).')
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = _cache_folder(cache_dir, cache_subdir)
    name = _file_name(fname, origin)
    if untar:
        unpacked = os.path.join(folder, _without_extensions(name))
        path = unpacked + ".tar.gz"
        archive_format = "tar"
    else:
        path = os.path.join(folder, name)
        unpacked = os.path.join(folder, _without_extensions(name) + "_extracted")
    if force_download or not _is_cached(path, file_hash, hash_algorithm):
        _download(origin, path, file_hash, hash_algorithm)
        fresh = True
    else:
        fresh = False
    if not (extract or untar):
        return path
    complete = os.path.isdir(unpacked) and not fresh
    if not complete and not _extract_archive(path, unpacked, archive_format):
        import warnings

        warnings.warn("Could not extract archive.", stacklevel=2)
    return unpacked


def _cache_folder(cache_dir: str | None, cache_subdir: str) -> str:
    if cache_dir is None:
        home = os.environ.get("KERAS_HOME")
        cache_dir = home if home else os.path.join(os.path.expanduser("~"), ".keras")
    cache_dir = os.path.expanduser(os.fspath(cache_dir))
    try:
        os.makedirs(cache_dir, exist_ok=True)
        writable = os.access(cache_dir, os.W_OK)
    except OSError:
        writable = False
    if not writable and not os.path.isabs(cache_subdir):
        import tempfile

        cache_dir = os.path.join(tempfile.gettempdir(), ".keras")
    folder = os.path.join(cache_dir, cache_subdir)
    os.makedirs(folder, exist_ok=True)
    return folder


def _file_name(fname: str | None, origin: str) -> str:
    if not fname:
        from urllib.parse import urlsplit

        fname = os.path.basename(urlsplit(origin).path)
        if not fname:
            raise ValueError(
                f"Can't parse the file name from the origin provided: '{origin}'. "
                "Please specify the `fname` argument."
            )
        return fname
    fname = os.fspath(fname)
    if os.path.basename(fname) != fname or fname in (".", ".."):
        raise ValueError(
            "Paths are no longer accepted as the `fname` argument. To specify the file's parent "
            "directory, use the "
            f"`cache_dir` argument. Received: fname={fname}"
        )
    return fname


def _without_extensions(name: str) -> str:
    for ending in (".tar.gz", ".tar.bz2", ".tar.xz"):
        if name.endswith(ending):
            return name.removesuffix(ending)
    return os.path.splitext(name)[0] or name


def _is_cached(path: str, file_hash: str | None, algorithm: str) -> bool:
    if not os.path.isfile(path):
        return False
    if file_hash is None or validate_file(path, file_hash, algorithm):
        return True
    print_msg(
        "A local file was found, but it seems to be incomplete or outdated because the "
        f"{algorithm} file hash does not match the original value of {file_hash} "
        "so we will re-download the data."
    )
    return False


def _download(origin: str, path: str, file_hash: str | None, algorithm: str) -> None:
    import tempfile
    import urllib.error
    import urllib.request

    print_msg(f"Downloading data from {origin}")
    handle, partial = tempfile.mkstemp(
        dir=os.path.dirname(path), prefix=os.path.basename(path) + "."
    )
    failure = "URL fetch failure on {}: {} -- {}"
    try:
        with os.fdopen(handle, "wb") as out:
            try:
                with urllib.request.urlopen(origin) as response:
                    _copy_with_progress(response, out)
            except urllib.error.HTTPError as e:
                raise OSError(failure.format(origin, e.code, e.msg)) from e
            except urllib.error.URLError as e:
                raise OSError(failure.format(origin, e.errno, e.reason)) from e
        if file_hash is not None and not validate_file(partial, file_hash, algorithm):
            raise ValueError(
                f"Incomplete or corrupted file detected. The {algorithm} file hash does not match "
                "the provided value "
                f"of {file_hash}."
            )
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


def _copy_with_progress(response: Any, out: Any) -> None:
    from addax.utils.progbar import Progbar

    length = response.headers.get("Content-Length")
    bar = Progbar(int(length) if length else None)
    seen = 0
    while chunk := response.read(_CHUNK):
        out.write(chunk)
        seen += len(chunk)
        bar.update(seen, finalize=False)
    if length and seen < int(length):
        raise OSError(f"The download ended after {seen} of {length} bytes.")
    bar.update(seen, finalize=True)


def validate_file(
    fpath: str, file_hash: str, algorithm: str = "auto", chunk_size: int = 65535
) -> bool:
    """Whether a file has a hash (sha256 or md5, chosen by its length if "auto")."""
    if algorithm == "auto":
        algorithm = "sha256" if len(file_hash) == 64 else "md5"
    return _hash_file(fpath, algorithm, chunk_size) == str(file_hash)


def _hash_file(fpath: str, algorithm: str = "sha256", chunk_size: int = 65535) -> str:
    import hashlib

    hasher = hashlib.new(algorithm)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            hasher.update(chunk)
    return hasher.hexdigest()


def _extract_archive(path: str, target: str, archive_format: Any = "auto") -> bool:
    """Unpacks an archive into `target`; `False` if it is none of the formats. Nothing leaves the
    folder.
    """
    import shutil
    import tarfile
    import tempfile
    import zipfile

    if archive_format is None:
        return False
    formats = ["tar", "zip"] if archive_format == "auto" else archive_format
    for name in [formats] if isinstance(formats, str) else formats:
        if name not in ("tar", "zip"):
            raise ValueError(
                "`archive_format` must be 'auto', 'tar', 'zip', a list of them or None. "
                f"Received: {name!r}"
            )
        matches: Callable = tarfile.is_tarfile if name == "tar" else zipfile.is_zipfile
        unpack = _unpack_tar if name == "tar" else _unpack_zip
        if not matches(path):
            continue
        scratch = tempfile.mkdtemp(dir=os.path.dirname(os.path.abspath(target)))
        try:
            unpack(path, scratch)
            if os.path.isdir(target):
                shutil.rmtree(target)
            os.replace(scratch, target)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        os.chmod(target, 0o755)
        return True
    return False


def _unpack_tar(path: str, target: str) -> None:
    import shutil
    import tarfile

    def safe(member: tarfile.TarInfo) -> bool:
        if not (member.isfile() or member.isdir()):
            return False  # links and devices are never needed, and may lead out
        return _stays_inside(target, member.name)

    with tarfile.open(path) as archive:
        members = _without_unsafe(archive.getmembers(), safe, lambda m: m.name)
        for member in members:
            path_inside = os.path.join(target, member.name)
            if member.isdir():
                os.makedirs(path_inside, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(path_inside), exist_ok=True)
            content = archive.extractfile(member)
            if content is not None:
                with content, open(path_inside, "wb") as out:
                    shutil.copyfileobj(content, out)


def _unpack_zip(path: str, target: str) -> None:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        for entry in _without_unsafe(
            entries, lambda e: _stays_inside(target, e.filename), lambda e: e.filename
        ):
            archive.extract(entry, target)


def _without_unsafe(members: list, safe: Callable, name_of: Callable) -> list:
    import warnings

    kept = []
    for member in members:
        if safe(member):
            kept.append(member)
        else:
            warnings.warn(
                f"Skipping invalid path during archive extraction: '{name_of(member)}'.",
                stacklevel=2,
            )
    return kept


def _stays_inside(folder: str, name: str) -> bool:
    folder = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(folder, name))
    return not os.path.isabs(name) and (path == folder or path.startswith(folder + os.sep))
