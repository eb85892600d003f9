"""When passes are due: the schedule that `articles.rescan` names."""

from datetime import UTC, datetime, timedelta, tzinfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from feedsvc.config import Config
from feedsvc.errors import ConfigError, Mistake


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """Fires one interval after `now`.

    APScheduler's IntervalTrigger remembers a time; after the clock was set back, it would wait
    until the clock reaches that time again.
    """

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval

    def get_next_fire_time(self, _previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the time one interval after `now`."""
        # In UTC: in a zone, adding seconds across the end of summer time adds an hour.
        return now.astimezone(UTC) + self.interval


def trigger(rescan: timedelta | str, zone: tzinfo) -> BaseTrigger:
    """Return the schedule that `articles.rescan` names. Raises ConfigError."""
    if isinstance(rescan, timedelta):
        return Every(timedelta(seconds=int(rescan.total_seconds())))
    try:
        return CronTrigger.from_crontab(rescan, timezone=zone)
    except ValueError as error:
        mistake = Mistake(
            where="", path="articles.rescan", reason=f"no cron expression: {rescan} ({error})"
        )
        raise ConfigError((mistake,)) from error


def schedule_of(config: Config) -> BaseTrigger:
    """Return the schedule of a configuration. Raises ConfigError, with its line."""
    try:
        return trigger(config.articles.rescan, config.site.timezone)
    except ConfigError as error:
        raise config.mistake("articles.rescan", error.mistakes[0].reason) from error


def seconds_until(schedule: BaseTrigger, now: datetime, *, passes: int) -> float | None:
    """Return how long after `now` so many passes are due, None if there will not be so many."""
    previous, moment = None, now.astimezone(UTC)
    for _ in range(passes):
        previous = schedule.get_next_fire_time(previous, moment)
        if previous is None:
            return None
        moment = previous
    return float((moment - now.astimezone(UTC)).total_seconds())
