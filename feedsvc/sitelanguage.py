"""The language that feeds declare: what the configuration says, else a guess that stays.

The guess is made by the titles of the newest articles. It is made again only while it rests on few
of them, whenever there are twice as many, and once there are enough never again: a feed whose
language changed with every article would change as often.
"""

from feedsvc import feeds, language
from feedsvc.config import Config
from feedsvc.index import Writer

KEY = "language"
"""Under which the index remembers the guess: the number of titles, and the language."""
MOST_TITLES = 50


def declared(config: Config, guessed: str | None) -> str:
    """Return the language that feeds declare, "" for none; `guessed` is what is remembered."""
    return config.site.language or _parts(guessed)[1]


def guess_again(writer: Writer, config: Config) -> bool:
    """Guess the language if it is not known well enough; tell whether another one came out."""
    if config.site.language:
        return False
    guessed_by, before = _parts(writer.meta(KEY))
    if guessed_by >= language.ENOUGH:
        return False
    titles = writer.feeds.newest_titles(feeds.ALL, MOST_TITLES)
    if len(titles) < max(1, min(2 * guessed_by, language.ENOUGH)):
        return False
    guess = language.guess(titles)
    writer.set_meta(KEY, f"{len(titles)} {guess}")
    return guess != before


def note(config: Config, guessed: str | None) -> str:
    """Return what to tell an operator who has not said the language, "" if there is nothing."""
    titles, guess = _parts(guessed)
    if config.site.language or not (guess or titles >= language.ENOUGH):
        return ""
    what = f"they declare {guess}" if guess else "they declare none"
    return (
        f"the language of the feeds is guessed from the newest titles: {what};"
        " to say it yourself, set site.language, such as zh-CN or en"
    )


def _parts(guessed: str | None) -> tuple[int, str]:
    number, _, tag = (guessed or "0 ").partition(" ")
    return int(number), tag
