"""A judge of feeds after the W3C Feed Validation Service, independent of what makes them.

It follows the service's documentation (validator.w3.org/feed/docs/warning/) and its free software;
the warnings have its names. Like the service, it reads HTML with html5lib, and the first mistake
that the strict parser finds is `NotHtml`.

Left out are warnings that no feed writer can prevent: `DuplicateUpdated`, `ImplausibleDate`,
`ContainsEmail` and a U+FFFD are about the articles, `SelfDoesntMatchLocation` about the address
that a feed was fetched from.
"""
