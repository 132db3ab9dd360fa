"""Where local servers keep what they keep: a folder of ours alone, checked before anything in it is believed."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from deploy.local.ports import PartFailed

OTHERS_PASS = 0o711
"""Others may go through by name, and neither list nor write."""


def parts_folder(home: Path, user: int | None) -> Path:
    """The folder of the servers that belong to the data in `home`, made where it is missing. `user` is the one that they
    run as, none for our own: where that one cannot enter the home, the folder is among the temporary files, named after the
    home. Raises PartFailed."""
    folder = home.resolve() / "parts"
    if user is not None:
        home.mkdir(parents=True, exist_ok=True)
        if not reachable(folder, user):
            name = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]
            folder = Path(tempfile.gettempdir()).resolve() / f"kuty-parts-{name}"
    return own_folder(folder)


def own_folder(folder: Path) -> Path:
    """A folder that nobody else can have put anything into, made where it is missing. Raises PartFailed where it is a link,
    another user's, or others may write into it: then what is in it may be anybody's."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
        folder.chmod(OTHERS_PASS)
    except FileExistsError:
        pass
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode):
        raise PartFailed(f"{folder} is no folder of its own but {_kind(state.st_mode)}: remove it")
    if state.st_uid != os.geteuid():
        raise PartFailed(f"{folder} belongs to the user with the number {state.st_uid}, not to us: remove it")
    if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PartFailed(f"others may write into {folder}: look at what is in it, then `chmod go-w {folder}`")
    return folder


def write_secret(file: Path, secret: str) -> None:
    """Write a file that its owner alone may read, in the place of the one before: whole, or not at all."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(secret)
    unfinished.rename(file)


def reachable(path: Path, user: int) -> bool:
    """Whether the user may enter every folder above the path (seen from the permission bits)."""
    for folder in path.parents:
        state = folder.stat()
        if not state.st_mode & (0o100 if state.st_uid == user else 0o001):
            return False
    return True


def _kind(mode: int) -> str:
    return "a link" if stat.S_ISLNK(mode) else "a file"
