"""
The package's own log lines: silent unless the host listens.

Without a handler of its own, the standard library prints a library's warnings on stderr,
which belongs to the host.
"""

from __future__ import annotations

import logging

__all__ = ["package_logger"]

# By position, not by name: the folder may lie vendored in any package.
package_logger: logging.Logger = logging.getLogger(__name__.rsplit(".", 2)[0])
"""The logger above all of ours; a host that wants to hear them puts a handler on it."""

package_logger.addHandler(logging.NullHandler())
