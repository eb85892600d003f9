"""A judge of feeds after the W3C Feed Validation Service, independent of what makes them.

It says what the service's documentation says (validator.w3.org/feed/docs/warning/) and its free
software does; the warnings bear its names. The service reads HTML with html5lib and takes the first
mistake that the strict parser finds for `NotHtml`, and so does this.

Left out is what no output can mend: `DuplicateUpdated`, `ImplausibleDate`, `ContainsEmail` and a
U+FFFD are about what an article says, `SelfDoesntMatchLocation` about where a feed was fetched.
"""
