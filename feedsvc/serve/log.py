"""The log of a service: text for people on a terminal, else JSON, one object for each event."""

import json
import logging
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "text", "json"]

FACTS = "facts"
"""The attribute of a log record with further members of its JSON object; a mapping."""

_TEXT = "%(asctime)s %(levelname)-7s %(message)s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What is logged, and how. `auto` is text where standard error is a terminal, else JSON."""

    level: Level = "info"
    format: Format = "auto"

    def is_json(self) -> bool:
        """Tell whether this process logs JSON."""
        return self.format == "json" or (self.format == "auto" and not sys.stderr.isatty())


class JSONLines(logging.Formatter):
    """Formats an event as one line: an object with `time`, `level`, `message`, and more.

    `process` is the id of the process, `logger` the module, `traceback` that of an exception.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without a line break at its end."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": record.getMessage(),
            "process": record.process,
            "logger": record.name,
            **getattr(record, FACTS, {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_to_stderr(log: Log | None = None) -> None:
    """Send this process's log to standard error."""
    log = log or Log()
    level = logging.getLevelNamesMapping()[log.level.upper()]
    handler = logging.StreamHandler()
    handler.setFormatter(JSONLines() if log.is_json() else logging.Formatter(_TEXT))
    # Libraries tell little of use below INFO, and some of it is secret.
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler], force=True)
    logging.getLogger("feedsvc").setLevel(level)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it logs each pass twice
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
