"""Try each regular expression of the package on texts that could make it slow.

Before each attempt the names of the pattern and of the text are printed. The system ends this
process when an attempt takes too long; the last line then names the pattern.
"""

import importlib
import inspect
import pkgutil
import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from types import BuiltinMethodType
from typing import Any

import feedsvc

SIZE = 64 * 1024
SECONDS = 10  # for one attempt; a linear pattern takes a few milliseconds
END = "\0!"  # no pattern expects it
METHODS = ("match", "search", "fullmatch", "sub", "finditer", "split", "findall")

# Strings that are repeated to fill a text.
FILLERS = [
    *" \t\n\ra0A_\"'<>&-.,:;=/@#%?!|~*+`()[]{}\\中。年…”\u0301\x7f\ufeff",
    *("\r\n", " \n", "a ", "a.", "a-", "a=", "a@", "a/", "a,", "0.", "0,", "1x", ".1", "-1", "=\n"),
    *("' ", '" ', "\"'", "\" '", "<a", "<a ", "<>", "< ", "> ", "->", "<!--", "-->", "--> <!--"),
    *("&#", "&#1;", "&a", "&amp;", "- ", "-\n", "---\n", "...\n", "{%", "{ ", "[ ", "\\x0", ", "),
    *("utm_", "language-", "more ", " more", "http://", "https://a", "mailto:", "date", "date: "),
    *(
        "; ",
        ": ",
        "| ",
        "|-",
        "% ",
        "%2",
        "。”",
        "!’",
        "..",
        "a:b;",
        "(a",
        "a)",
        "blank-1",
        "/blank",
    ),
    *(
        "display:",
        "display: ",
        ";width:1",
        "font-style: a;",
        "font-style:a; ",
        "a: a; ",
        "px ",
        "<b ",
    ),
]

# Text before the filler, without which a pattern would fail at once; by the name of the pattern.
STARTS = {
    "articles.dates._PARTS": ["2022-1-1", "2022年1月1日", "2022-1-1 10:00", "2022-1-1T1:00:0."],
    "articles.dates._RFC822": ["Mon", "Mon, 1 Feb 2022", "Mon, "],
    "articles.dates._EPOCH": ["1234567890."],
    "articles.guess_date._DATE": ["date", "date:", "'date' ", "\ndate = '2"],
    "articles.frontmatter._OPENING": ["---", "\n---"],
    "articles.frontmatter._OBJECT": ["{"],
    "articles.parse._MAIL": ["a@", "a@b", "a@b."],
    "articles.parse._MAIL_WITH_NAME": ["a@b", "a@b (", "a@("],
    "articles.parse._LANGUAGE": ["en-"],
    "articles.recovery._FIELD": ["a", "a:", "a ："],
    "articles.recovery._ITEM": ["-", "- "],
    "articles.recovery._TWO_PARTS": ["' ", '" '],
    "articles.tables._KEY": ['"', '{"', "a", '"a"', "{ [", '{"a'],
    "articles.tables._LAST_COMMA": [","],
    "commonmark._CLOSED_TAG": ["<", "</"],
    "commonmark._HYPHENS": ["|-", "-"],
    "commonmark._PICTURE": [".jp", "a."],
    "commonmark._QUOTES": [">" * 59],
    "commonmark._TOKEN": ["[[", "[[a|", "http://", "http://a.", "http://a.b/", "www.", "www.a"],
    "config._SQLITE": ["sqlite:///", "sqlite+", "sqlite:///a?"],
    "content.addresses._MAIL": ["mailto:"],
    "content.addresses._DATA_IMAGE": ["data:image/png;base64,"],
    "content.addresses._TRACKING": ["utm_", "mtm_"],
    "content.allowed.SHAPES": [
        "https://a", "https://a 1", "https://a 1x, ", "data:image/png;base64,", "text-align: ",
        "lang-", "text-align: a; ", "1", "a", "mailto:",
    ],
    "content.allowed._LENGTH": ["1.", "a"],
    "content.allowed._EMBED": ["https://www.youtube.com/embed/", "https://"],
    "content.embeds._OLD_YOUTUBE": ["https://", "https://www."],
    "content.images._DOT": ["1", "1.", "1px"],
    "content.images._HIDDEN": ["display", "display:", "width", ";width:", ";width:1"],
    "content.images._PIXELS": ["1", "1.1", "1px"],
    "content.images._SPACER": ["/blank", "/loading", "/blank.gif"],
    "content.images._TRACKERS": ["http://", "http://a.", "https://www.facebook.com/"],
    "content.markdown._COMMENTS": ["<!--", "<!---->"],
    "content.markdown._ENDS_AS_HTML": ["</a", "<img ", "-->", "</a>"],
    "content.summary._PARAGRAPHS": ["\n", "\n "],
    "content.tomarkdown._BACK": ["↩", "↩ ", " ↩"],
    "content.tomarkdown._CLOSING_HASHES": [" #", " # "],
    "content.tomarkdown._FOOTNOTE": ["[^", "[^a", " [^a] "],
    "content.tomarkdown._LANGUAGE": ["lang-"],
    "content.tomarkdown._LINE_START": [" ", ":"],
    "content.tomarkdown._MARKUP": ["&", "&#", "=", "_", "a_"],
    "content.tomarkdown._NUMBER": [" ", "1"],
    "content.tomarkdown._PARAGRAPHS": ["\n", "\n "],
    "content.tomarkdown._REFERENCE": ["&", "&#"],
    "content.sanitize._CANDIDATE": ["https://a", "https://a 1"],
    "content.sanitize._FRAME": ["https://", "https://a."],
    "content.sanitize._IMAGE": ["data:image/png;base64,"],
    "content.sanitize._MAIL": ["mailto:"],
    "content.sanitize._STYLE": ["font-style", "font-style:", "font-style: a;", "font-style: a"],
    "content.sanitize._WEB": ["https://"],
    "content.tidy._CODE_LANGUAGE": ["lang-", " lang-a"],
    "content.tidy._HEXO_RAW": ["{%", "{%-", "{% raw"],
    "identity._URI": ["a:", "a"],
    "weburl._PLAIN": ["https://a", "https://a/", "https://a/?", "https://a/#", "https://a:1"],
    "xmltext._REFERENCE": ["&", "&#", "&a"],
}  # fmt: skip


def patterns() -> Iterator[tuple[str, re.Pattern[Any], frozenset[str]]]:
    """Yield the patterns among the package's globals: name, pattern, methods called on it."""
    package = Path(feedsvc.__file__).parent
    whole = "\n".join(file.read_text("utf-8") for file in sorted(package.rglob("*.py")))
    for info in sorted(pkgutil.walk_packages(feedsvc.__path__, "feedsvc."), key=lambda i: i.name):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        own = inspect.getsource(module)
        for name, value in vars(module).items():
            source = own if name.startswith("_") else whole
            for number, pattern in enumerate(_patterns_in(value, 3)):
                used = {
                    method
                    for method in METHODS
                    if re.search(rf"\b{name}(?:\[\w+\])?\.{method}\b", source)
                }
                place = f"{info.name.removeprefix('feedsvc.')}.{name}"
                yield f"{place}[{number}]", pattern, frozenset(used or {"match", "fullmatch"})


def _patterns_in(value: object, depth: int) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, dict):
        for item in (*value.keys(), *value.values()):
            yield from _patterns_in(item, depth - 1)
    elif depth and isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _patterns_in(item, depth - 1)
    elif isinstance(value, BuiltinMethodType) and isinstance(value.__self__, re.Pattern):
        yield value.__self__


def texts(name: str) -> Iterator[tuple[str, str]]:
    """Yield texts that could make the pattern of this name slow, each after its name."""
    for start in ("", *STARTS.get(name.partition("[")[0], ())):
        for filler in FILLERS:
            text = start + filler * (SIZE // len(filler))
            yield f"{start!r} + {filler!r}... + {END!r}", text[:SIZE] + END


def attempt(pattern: re.Pattern[Any], method: str, text: Any) -> None:
    """Use a pattern as the package does."""
    if method == "sub":
        pattern.sub(text[:0], text)
    elif method == "finditer":
        for _ in pattern.finditer(text):
            pass
    else:
        getattr(pattern, method)(text)


def main() -> None:
    """Try all patterns; the system ends this process when an attempt takes too long."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tried = set()
    for name, pattern, methods in patterns():
        for method in sorted(methods):
            if (pattern, method) in tried:
                continue
            tried.add((pattern, method))
            for text_name, text in texts(name):
                sys.stdout.write(f"{name}.{method}: {text_name}\n")
                sys.stdout.flush()
                used = resource.getrusage(resource.RUSAGE_SELF)
                limit = int(used.ru_utime + used.ru_stime) + 1 + SECONDS
                resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))
                bytes_too = isinstance(pattern.pattern, bytes)
                attempt(pattern, method, text.encode() if bytes_too else text)
    sys.stdout.write("all\n")


if __name__ == "__main__":
    main()
