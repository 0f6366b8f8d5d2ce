"""Where messages go: standard output, or the `addax` logger when interactive logging is off."""

from __future__ import annotations

import sys

from addax.backend import config


def print_msg(message: str, line_break: bool = True) -> None:
    """Writes a message to standard output at once, or logs it when interactive logging is off."""
    if config.is_interactive_logging_enabled():
        if sys.stdout is None:  # pythonw, services: `print` is silent there too
            return
        text = message + "\n" if line_break else message
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:  # a terminal without the bar's characters
            encoding = sys.stdout.encoding or "ascii"
            sys.stdout.write(text.encode(encoding, errors="replace").decode(encoding))
        sys.stdout.flush()
    else:
        import logging

        logging.getLogger("addax").info(message)
