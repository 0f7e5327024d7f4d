"""Atomic writing: a file is there whole, or as it was before; whoever dies in between leaves nothing for long."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO

from handgrad.errors import DTypeError, FileError
from handgrad.nn.arguments import shown

PREFIX, SUFFIX = ".handgrad-", ".part"


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Put `data` into the file at `path`, so that readers and crashes see the old file or the new one, never a half.

    The bytes go into a temporary file of the same folder, reach the disk, and take the name in one step. What a killed
    process left behind is removed by the next write into the folder. A link is followed; the mode of a file that is
    replaced is kept.

    Raises DTypeError for what is no path, FileError for a folder, a device, or a place that cannot be written to.
    """
    target = Path(os.path.realpath(as_path(path)))
    try:
        mode = _mode(target)
        _sweep(target.parent)
        file, name = _begin(target.parent)
        try:
            with file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                if mode is not None:
                    name.chmod(mode)
                if sys.platform == "win32":  # an open file cannot be renamed there
                    file.close()
                name.replace(target)
        finally:
            name.unlink(missing_ok=True)  # also after Ctrl-C; gone already when all went well
        _sync_folder(target.parent)
    except OSError as error:
        raise FileError(
            "{path} cannot be written: {reason}. What stood there is unchanged; choose another place.",
            path=place(path), reason=error.strerror or type(error).__name__,
        ) from None  # fmt: skip


def as_path(path: Any) -> Path:
    """`path` as a Path. Raises DTypeError for what is none, FileError for a text that no file can be called."""
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise DTypeError('path is {value}: it must be a text or a Path. Write "net.safetensors".', value=shown(path))
    if not os.fspath(path) or "\0" in os.fspath(path):
        raise FileError('path is {value}: no file has that name. Write "net.safetensors".', value=shown(str(path)))
    return Path(path)


def place(path: str | os.PathLike[str], most: int = 60) -> str:
    """A path for an error message: on one line, its end kept where it gets long.

    >>> place("runs/net.safetensors"), place("a/rather/long/path/net.safetensors", 20)
    ("'runs/net.safetensors'", "'…h/net.safetensors'")
    """
    text = shown(os.fspath(path), 10**6)
    return text if len(text) <= most else f"'…{text[2 - most :]}"


def _mode(target: Path) -> int | None:
    """The mode of the file that will be replaced, None where there is none. Refuses what is not to be replaced."""
    if not target.parent.is_dir():
        raise FileError(
            "{path} cannot be written: there is no folder {folder}. Make it first.",
            path=place(target.name), folder=place(target.parent),
        )  # fmt: skip
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise FileError(
            "{path} is a folder. Add the name of a file, such as {example}.",
            path=place(target), example=place(target / "net.safetensors"),
        )  # fmt: skip
    if not stat.S_ISREG(found.st_mode):  # replacing /dev/null would break the machine
        raise FileError("{path} is a device or pipe, no ordinary file. Choose another place.", path=place(target))
    if not os.access(target, os.W_OK):
        raise FileError("{path} is write-protected. Choose another place.", path=place(target))
    return stat.S_IMODE(found.st_mode)


def _begin(folder: Path) -> tuple[BinaryIO, Path]:
    """A new temporary file, locked for as long as it is open: the lock says that its writer lives."""
    while True:
        name = folder / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        file = name.open("xb")
        _lock(file.fileno(), wait=True)
        if sys.platform == "win32" or os.fstat(file.fileno()).st_nlink:
            return file, name
        file.close()  # another writer swept it away before the lock was ours


def _sweep(folder: Path) -> None:
    """Remove temporary files whose writers died."""
    for name in sorted(folder.glob(f"{PREFIX}*{SUFFIX}")):
        with contextlib.suppress(OSError):  # gone meanwhile, or not ours to remove: neither hinders this write
            if not stat.S_ISREG(name.lstat().st_mode):
                continue
            if sys.platform == "win32":  # fails while its writer has it open
                name.unlink()
                continue
            with name.open("rb") as file:
                if _lock(file.fileno(), wait=False):
                    name.unlink()


def _lock(handle: int, wait: bool) -> bool:
    """Whether the lock is ours. A filesystem without locks gives none: then nothing is swept there."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Let the new name reach the disk too, where folders can be synced."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
