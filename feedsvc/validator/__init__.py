"""A judge of feeds after the W3C Feed Validation Service, independent of what makes them.

It follows the service's documentation (validator.w3.org/feed/docs/warning/) and its free software;
the warnings have its names. Like the service, it reads HTML with html5lib, and the first mistake
that the strict parser finds is `NotHtml`.

Left out are warnings that no feed writer can prevent: `DuplicateUpdated`, `ImplausibleDate`,
`ContainsEmail` and a U+FFFD are about the articles, `SelfDoesntMatchLocation` about the address
that a feed was fetched from.

Pure. It is for the operator (`feedsvc check --feeds`) and for the tests, never for serving:
html5lib takes the square of the size of some inputs, so HTML of more than LONGEST characters is
passed over.
"""

from feedsvc.validator.documents import JUDGES
from feedsvc.validator.values import Warned

__all__ = ["JUDGES", "KEPT", "Warned"]

KEPT = {
    ("SecurityRiskAttr", "controls"): "no one can start a player without them",
    ("SecurityRisk", "iframe"): "players of known hosts, boxed in; `content.embeds: link` for none",
    ("SecurityRisk", "bdo"): "some text can only be read in the direction that it names",
    **{
        ("NotHtml", tag): "a formula; `content.math: false` for its text alone"
        for tag in "math mfrac mi mn mo mpadded mrow mspace mstyle msup mtext".split()
    },
}
"""Elements that articles need though the service warns of them, and why."""
