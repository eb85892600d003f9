"""Which `base_url` the processes of one state use, where the configuration leaves it out.

The state remembers one address, and all processes that work on the state use it, so no two of them
make the same feed with different links. `serve` notes there the address at which it listens, unless
another process watches the state already. `watch`, `refresh` and `create_app` have no address of
their own: they use the noted one, or the default.
"""

import logging
from contextlib import suppress
from dataclasses import replace

from feedsvc import weburl
from feedsvc.config import Config
from feedsvc.errors import StateError
from feedsvc.index import Index, watchlock
from feedsvc.serve.endpoint import Endpoint, is_loopback
from feedsvc.serve.watcherprocess import lock_file_of

logger = logging.getLogger(__name__)

_ADDRESS = "address"  # the key of the noted address


def with_base_url(config: Config, index: Index, endpoint: Endpoint | None = None) -> Config:
    """Return the configuration with the `base_url` to use; note the address of an endpoint.

    Raises StateError where the state cannot be read.
    """
    if config.site.has_base_url:
        return config
    noted = index.meta.get(_ADDRESS)
    address = None if endpoint is None else endpoint.address
    if address is not None and address != noted and not _is_watched(config):
        with suppress(StateError):  # a state that cannot be written: this process uses it alone
            index.meta.note(_ADDRESS, address)
        noted = address
    return replace(config, site=replace(config.site, base_url=noted or config.site.base_url))


def warn_of_other_address(config: Config, endpoint: Endpoint | None) -> None:
    """Warn where links in feeds lead elsewhere than to this service."""
    base_url, address = config.site.base_url, None if endpoint is None else endpoint.address
    if config.site.has_base_url:
        if address is not None and _is_elsewhere(base_url, address):
            logger.warning(
                "site.base_url is %s, but the service listens at %s: links in feeds lead to"
                " site.base_url",
                base_url,
                address,
            )
    elif base_url != address:
        logger.warning(
            "site.base_url is left out: links in feeds begin with %s; set it to the address that"
            " readers use",
            base_url,
        )
    elif endpoint is not None and endpoint.is_for_others:
        logger.warning(
            "site.base_url is left out: links in feeds begin with %s, which readers on other"
            " machines may not reach; set it to the address that they use",
            base_url,
        )


def _is_watched(config: Config) -> bool:
    try:
        return watchlock.is_taken(lock_file_of(config))
    except OSError:  # the file belongs to another user, so another process watches
        return True


def _is_elsewhere(base_url: str, address: str) -> bool:
    """Tell whether a `base_url` on this machine is not the address of the service.

    Any other `base_url` is the address of a proxy in front of the service.
    """
    configured, own = weburl.split(base_url), weburl.split(address)
    if configured is None or own is None:  # the configuration refuses such an address
        return False
    if not is_loopback(configured.hostname or ""):
        return False
    return (configured.scheme, configured.port) != (own.scheme, own.port)
