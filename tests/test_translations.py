"""Every text of the pages is translated into every language, and the compiled files are current."""

from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import feedsvc
from feedsvc.web.visitor import LOCALES

PACKAGE = Path(feedsvc.__file__).parent
FOLDER = PACKAGE / "web" / "translations"
TRANSLATED = [locale for locale in LOCALES if locale != "en"]


def catalog(locale: str) -> Catalog:
    file = FOLDER / locale / "LC_MESSAGES" / "messages.po"
    with file.open("rb") as lines:
        return read_po(lines, locale=locale)


def texts() -> set[str | tuple[str, ...]]:
    """Return the texts of all pages, with the plural of each that has one."""
    methods = [("web/**.py", "python"), ("web/templates/**.html", "jinja2")]
    extracted = extract_from_dir(PACKAGE, methods, options_map={}, comment_tags=())
    return {message for _file, _line, message, _comments, _context in extracted}


@pytest.mark.parametrize("locale", TRANSLATED)
def test_every_text_is_translated(locale: str) -> None:
    translated = {message.id for message in catalog(locale) if message.id and message.string}
    ids = {message if isinstance(message, str) else tuple(message) for message in texts()}
    assert len(ids) > 20
    assert translated == ids


@pytest.mark.parametrize("locale", TRANSLATED)
def test_translations_keep_the_places_of_values(locale: str) -> None:
    for message in catalog(locale):
        assert not message.fuzzy, message.id
        assert not [str(error) for error in message.check(catalog(locale))], message.id


@pytest.mark.parametrize("locale", TRANSLATED)
def test_the_compiled_file_is_current(locale: str) -> None:
    compiled = BytesIO()
    write_mo(compiled, catalog(locale))
    file = FOLDER / locale / "LC_MESSAGES" / "messages.mo"
    assert file.read_bytes() == compiled.getvalue(), "run `make translations`"
