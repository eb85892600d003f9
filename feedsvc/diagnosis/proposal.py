"""A configuration for a directory of articles, with comments, from what the articles say.

Not more than some thousands of files are read, spread evenly over the directory.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from feedsvc import articles, feeds, language
from feedsvc.articles.parse import ParsedFile
from feedsvc.config import Articles
from feedsvc.config.schema import FILE as SCHEMA
from feedsvc.errors import ArticleError
from feedsvc.scan import Directory

_MOST_FILES = 3000
_MOST_TITLES = 200
_CATEGORIES, _OTHERS = 8, 12  # terms that become categories, and terms that a comment names
_FEWEST = 2  # articles of a category
_DATES = ("date", "updated", "modified", "lastmod")
_PLAIN = re.compile(r"[A-Za-z\u3400-\u9fff/.][\w\u3400-\u9fff/. -]*(?<! )")
_ZONE = re.compile(r"(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\s*\)?$|\b[A-Z]{3,4}$")
_OFFSET = re.compile(r"[+-]\d\d:?\d\d$")
_DIGIT = re.compile(r"\d")


@dataclass(slots=True)
class Findings:
    """What the articles of a directory say: how many of them have which terms and dates.

    `forms` are the forms of dates, with 9 for each digit, and `examples` has the first date of
    each. `offsets` are the zones that dates name.
    """

    files: int = 0
    read: int = 0
    terms: Counter[str] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    unzoned_example: str = ""
    zoned: int = 0
    unzoned: int = 0
    offsets: Counter[str] = field(default_factory=Counter)
    titles: list[str] = field(default_factory=list)

    def note(self, parsed: ParsedFile) -> None:
        """Count what one article says."""
        self.read += 1
        self.terms.update(parsed.article.terms)
        self.titles.append(parsed.article.title)
        for name, _, value in parsed.fields:
            text = str(value).strip()
            if name in _DATES and text:
                self._note_date(text)
                break

    def _note_date(self, text: str) -> None:
        form = _DIGIT.sub("9", text)
        self.forms[form] += 1
        self.examples.setdefault(form, text)
        if _ZONE.search(text):
            self.zoned += 1
            if offset := _OFFSET.search(text):
                self.offsets[offset[0]] += 1
        else:
            self.unzoned += 1
            self.unzoned_example = self.unzoned_example or text


def survey(root: Path) -> Findings:
    """Read the articles below a directory. Raises ScanError where it cannot be listed."""
    directory = Directory(root, Articles().include)
    sources = sorted(directory.scan().signatures)
    findings, step = Findings(files=len(sources)), max(1, len(sources) // _MOST_FILES)
    utc = ZoneInfo("UTC")
    for source in sources[::step]:
        try:
            data = directory.read(source, Articles().max_bytes)
            findings.note(articles.explain(source, data, zone_of=lambda *_: utc))
        except (ArticleError, OSError):
            continue  # `feedsvc check` names it
    return findings


def propose(findings: Findings, directory: str, zone: str) -> str:
    """Return the text of a config.yaml; `zone` is the time zone of this machine.

    The directory is written as it is given.
    """
    guessed = language.guess(findings.titles[:_MOST_TITLES])
    lines = [
        f"# yaml-language-server: $schema={SCHEMA}",
        "# The configuration of feedsvc, proposed from what the articles say. Read it, then",
        "# run `feedsvc check` and `feedsvc serve`. `feedsvc schema` describes every key. When you",
        "# edit this file, a running service takes it over.",
        "",
        "site:",
        "  id: feedsvc              # all ids are made from it: choose it now, never change it",
        "  title: My feeds          # of the publication",
        "  base_url:                # the address by which readers reach the service: https://…",
        _language(guessed),
        *_zone(findings, zone),
        "",
        "articles:",
        f"  directory: {_text(directory)}  # {findings.files} articles were found in it",
        "",
        *_categories(findings),
        "state:",
        "  url: sqlite:///state/feedsvc.db  # it holds the ids: back it up",
    ]
    return "\n".join(lines) + "\n"


def _language(guessed: str) -> str:
    if guessed:
        return f"  language: {guessed:<14} # as the titles look"
    return (
        "  language:                # of the articles, such as en or zh-CN; the titles do not tell"
    )


def _zone(findings: Findings, zone: str) -> list[str]:
    lines = []
    if findings.forms:
        form, number = findings.forms.most_common(1)[0]
        dated = findings.zoned + findings.unzoned
        lines.append(
            f"  # {dated} of {findings.read} articles that were read have a date, {number} of them"
            f" like {_comment(findings.examples[form])}."
        )
    if findings.unzoned:
        named = findings.offsets.most_common(1)
        other = f"; others name {named[0][0]}" if named else ""
        example = _comment(findings.unzoned_example)
        lines.append(f"  # {findings.unzoned} dates name no zone, such as {example}{other}.")
        lines.append(f"  timezone: {zone:<14} # of those dates; this is the zone of this machine")
    else:
        lines.append(f"  timezone: {zone:<14} # of dates without a zone")
    return lines


def _categories(findings: Findings) -> list[str]:
    common = [pair for pair in findings.terms.most_common() if pair[1] >= _FEWEST]
    chosen, others = common[:_CATEGORIES], common[_CATEGORIES : _CATEGORIES + _OTHERS]
    if not chosen:
        return [
            "# No term (`tags`, `categories`) is in two articles. A category may go by titles:",
            "# categories:",
            "#   - {slug: ships, title: Ships, title_matches: ship|harbour}",
            "",
        ]
    lines = [
        "# The most frequent terms. Each other term has a feed too, unless",
        "# feeds.auto_categories is false. Put terms that mean the same into one category.",
        "categories:",
    ]
    taken: set[str] = set()
    for term, number in chosen:
        slug = feeds.slug(term, taken)
        taken.add(slug)
        lines += [
            f"  - slug: {_text(slug)}  # its feed is /feeds/{_comment(slug)}.atom",
            f"    title: {_text(term)}",
            f"    terms: [{_text(term)}]  # {number} of the articles that were read",
        ]
    if others:
        named = ", ".join(f"{_comment(term)} ({number})" for term, number in others)
        lines.append(f"  # Other terms: {named}")
    return [*lines, ""]


def _text(value: str) -> str:
    """Return a text as YAML: plain where nobody can take it for anything else, else in quotes."""
    if _PLAIN.fullmatch(value) and (
        value.lower() not in {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
    ):
        return value
    return json.dumps(value, ensure_ascii=False)  # YAML 1.2 takes every string of JSON


def _comment(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)[
        :60
    ]


def local_zone() -> str:
    """Return the name of this machine's time zone, `UTC` where it has none."""
    names: Sequence[str] = (
        os.environ.get("TZ", "").lstrip(":"),
        os.path.realpath("/etc/localtime").partition("zoneinfo/")[2],
    )
    for name in filter(None, names):
        try:
            return ZoneInfo(name).key.removeprefix("Etc/")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return "UTC"
