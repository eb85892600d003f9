"""Publish: the index becomes entries, feeds and documents.

    entries    index ──► clean ──► build ──► entries, feeds
    documents  feeds ──► render, compress ──► documents
    searching  a query ──► find ──► results, and the feed of a search
    combining  feeds of several feeds, and filtered feeds
    archives   all entries of a feed, by pages that lead on from its document
    feedpages  all articles of a feed, by pages
    articlepages  one article, its feeds, and the articles beside it
    sitemap    the addresses that search engines are to know

The watcher publishes after each pass. A web worker answers with published documents, and makes a
document that was never made. Not inside: files, ids, and requests.
"""

from feedsvc.publish.archives import Archives
from feedsvc.publish.combining import Combining
from feedsvc.publish.documents import Documents
from feedsvc.publish.entries import Entries, Listing
from feedsvc.publish.making import OneAtATime
from feedsvc.publish.overview import CategorySummary, Overview, Overviews
from feedsvc.publish.searching import Results, Searching
from feedsvc.publish.status import Statuses

__all__ = [
    "Archives",
    "CategorySummary",
    "Combining",
    "Documents",
    "Entries",
    "Listing",
    "OneAtATime",
    "Overview",
    "Overviews",
    "Results",
    "Searching",
    "Statuses",
]
