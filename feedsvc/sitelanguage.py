"""The language that feeds declare: the configured one, else a guess.

The guess is made from the titles of the newest articles. While they are few, it is made again
whenever there are twice as many; once there are enough, it stays. If it were made again for every
article, all feeds might change each time.
"""

from feedsvc import feeds, language
from feedsvc.config import Config
from feedsvc.index import Writer

KEY = "language"
"""The key under which the index remembers the number of titles and the guess."""
_MOST_TITLES = 50


def declared(config: Config, guessed: str | None) -> str:
    """Return the language that feeds declare, "" for none; `guessed` is the remembered value."""
    return config.site.language or _parts(guessed)[1]


def guess_again(writer: Writer, config: Config) -> bool:
    """Guess the language if more titles are needed and there are; tell whether it has changed."""
    if config.site.language:
        return False
    known_titles, before = _parts(writer.meta(KEY))
    if known_titles >= language.ENOUGH:
        return False
    titles = writer.feeds.newest_titles(feeds.ALL, _MOST_TITLES)
    if len(titles) < max(1, min(2 * known_titles, language.ENOUGH)):
        return False
    guess = language.guess(titles)
    writer.set_meta(KEY, f"{len(titles)} {guess}")
    return guess != before


def note(config: Config, guessed: str | None) -> str:
    """Return a note about a guessed language for the operator, "" if there is no guess."""
    titles, guess = _parts(guessed)
    if config.site.language or not (guess or titles >= language.ENOUGH):
        return ""
    return (
        "the language of the feeds is guessed from the newest titles: they declare"
        f" {guess or 'none'}; to say it yourself, set site.language, such as zh-CN or en"
    )


def _parts(guessed: str | None) -> tuple[int, str]:
    number, _, tag = (guessed or "0 ").partition(" ")
    return int(number), tag
