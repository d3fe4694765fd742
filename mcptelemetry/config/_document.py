"""
One TOML file, read with suspicion.

Whatever keeps a file from being understood becomes a `ConfigError` that names the file,
the line and the mend: somebody may have written a refusal there, and a refusal that
cannot be read must not be taken for none. Only a file that is not there says nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import Any

from ..errors import ConfigError
from ..system import ForeignFile, install_hint, read_small_file, stamp_of
from ._depth import has_deep_table, has_long_key, has_long_number

__all__ = ["BrokenFile", "Document", "prepare_reader", "read_document"]

# A person's settings are a page or two; more is a mistake, or an attempt to keep us busy.
_LIMIT_BYTES = 64 * 1024
_KEYS_MAX_DEEP = 8
_DIGITS_MAX = 1000

_POSITION = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")
_HEADER = re.compile(r"\s*(?:\[[^\[\]]+\]|\[\[[^\[\]]+\]\])\s*(?:#.*)?")


class BrokenFile(ConfigError):
    """What is wrong stands in the file itself, and stays wrong until the file is another one."""

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message)
        self._text = text

    def mentions(self, word: str) -> bool:
        """Return whether *word* stands anywhere in the file, in any case: it may have been meant."""
        return word in self._text.lower()


class Document:
    """The tables of one file, and the text they came from, for naming lines."""

    def __init__(self, path: str, text: str, tables: dict[str, Any]) -> None:
        self.path = path
        self.tables = tables
        self._text = text

    def error(self, table: str, key: str, trouble: str) -> ConfigError:
        """Return the error that says what is wrong with *key* in *table* (``""`` is the top)."""
        where = f"[{table}] {key}" if table else key
        return self.broken(f"{self.place_of(table, key)}: {where} {trouble}")

    def broken(self, message: str) -> ConfigError:
        """Return the error that says *message*, as lasting as what is written."""
        return BrokenFile(message, self._text)

    def place_of(self, table: str, key: str) -> str:
        """Return the file, and the line when it is known, in which *key* of *table* is set."""
        line = self._line_of(table, key)
        return f"{self.path}, line {line}" if line else self.path

    def _line_of(self, table: str, key: str) -> int:
        """Return the number of the line that sets *key*, 0 when it is written in some other way."""
        wanted = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
        current = ""
        for number, line in enumerate(self._text.splitlines(), 1):
            if _HEADER.fullmatch(line):
                current = line.split("#")[0].strip("[] \t")
                if current == (f"{table}.{key}" if table else key):
                    return number
            elif current == table and wanted.match(line):
                return number
        return 0


def read_document(path: str) -> Document | None:
    """
    Return the document at *path*, or None when there is no such file.

    Raises `ConfigError` when there is one that cannot be read or that others may write; and
    `BrokenFile` when it is not TOML, is nested too deeply, is empty, or stops right after the
    heading of a table, as a file does that was cut off on its way to the disk.
    """
    try:
        if stamp_of(path) is None:
            return None
        content = read_small_file(path, limit_bytes=_LIMIT_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        # There a moment ago: removed meanwhile, or a link that leads nowhere.
        if not os.path.islink(path):
            return None
        msg = f"{path}: it is a link to a file that is missing; restore that file, or remove the link"
        raise ConfigError(msg) from None
    except ForeignFile as error:
        msg = f"{path}: is not obeyed, because {error}; let only yourself write there, or remove the file"
        raise ConfigError(msg) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        trouble = getattr(error, "strerror", None) or str(error)
        msg = f"{path}: cannot be read ({trouble}); make it a file that you may read, or remove it"
        raise ConfigError(msg) from None
    return _parse(path, content)


def _parse(path: str, content: bytes) -> Document:
    try:
        # Some editors begin a file with a byte order mark. The codec that knows of it would be
        # imported here, where a fork could cut the import in two.
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        msg = f"{path}, line {line}: is not UTF-8; save the file as UTF-8"
        raise BrokenFile(msg, content.decode("latin-1").replace("\0", "")) from None
    lines = text.split("\n")
    too_deep = BrokenFile(f"{path}: keys are at most {_KEYS_MAX_DEEP} deep; write it flatter", text)
    # Before it is parsed: the parser's time grows with the square of the depth.
    if has_long_key(text, _KEYS_MAX_DEEP):
        raise too_deep
    if has_long_number(text, _DIGITS_MAX):
        msg = f"{path}: a number has at most {_DIGITS_MAX} digits; correct it"
        raise BrokenFile(msg, text)
    try:
        tables = _toml_loads(text)
    except RecursionError:
        raise too_deep from None
    except ModuleNotFoundError:
        # Nobody can know what is written there: as good as a no.
        msg = f"{path}: cannot be read, because the package tomli is missing; {install_hint('tomli')}"
        raise ConfigError(msg) from None
    except ValueError as error:  # TOMLDecodeError, and a number with thousands of digits
        found = _POSITION.search(str(error))
        line = int(found.group(1) or len(lines)) if found else 0
        place = f"{path}, line {line}" if line else path
        trouble = _POSITION.sub("", str(error))[:200]
        msg = f"{place}: is not TOML ({trouble}); correct that line"
        raise BrokenFile(msg, text) from None
    if has_deep_table(tables, _KEYS_MAX_DEEP):
        raise too_deep
    _require_an_end(path, text)
    return Document(path, text, tables)


def prepare_reader() -> None:
    """
    Import the TOML reader now.

    For whoever will read from a thread of its own: a host that forks in the middle of that
    thread's import would leave the child waiting for ever for the module's lock.
    """
    with contextlib.suppress(OSError, ModuleNotFoundError):  # no free descriptor, or not installed: it may never be needed
        _toml_loads("")


def _toml_loads(text: str) -> dict[str, Any]:
    # Imported when first needed, by statements: packagers of frozen applications read no strings.
    if sys.version_info >= (3, 11):
        from tomllib import loads
    else:
        from tomli import loads  # type: ignore[import-not-found,unused-ignore]  # not there from 3.11 on
    tables: dict[str, Any] = loads(text)
    return tables


def _require_an_end(path: str, text: str) -> None:
    """Refuse what is TOML only by accident, because the rest of it never reached the disk."""
    written = text.rstrip()
    last_line = written.rsplit("\n", 1)[-1]
    if not written:
        msg = f"{path}: is empty; it may have been cut off: write it again, or remove it"
        raise BrokenFile(msg)
    if _HEADER.fullmatch(last_line):
        line = written.count("\n") + 1
        msg = f"{path}, line {line}: ends after {last_line.strip()}; write what belongs there, or remove the line"
        raise BrokenFile(msg)
