"""Which addresses let other machines connect, and whether a server without API keys may listen there.

check_exposure(settings, [("127.0.0.1", 1200)])     # fine
check_exposure(settings, [("0.0.0.0", 1200)])       # BadSetting, unless there are API keys or DAYLIGHT_OPEN=yes
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from ...errors import BadSetting
from .api_keys import KeyFile

if TYPE_CHECKING:
    from ...settings import Settings

__all__ = ["check_exposure", "host_of", "is_loopback"]


def host_of(bind: str) -> str:
    """`[::1]:80` or `127.0.0.1:80` -> the address; "" for a unix socket or nothing."""
    return "" if bind.startswith("unix:") else bind.rpartition(":")[0].strip("[]")


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_exposure(settings: Settings, addresses: Iterable[tuple[str, int] | str]) -> None:
    """Refuse a server that anybody may use, unless the operator says that this is meant.

    addresses: what gunicorn listens on, (host, port) or the path of a unix socket. Raises BadSetting.
    """
    if settings.keys_file:
        KeyFile(settings.keys_file)  # raises where it cannot be read
        return
    exposed = [address for address in addresses if isinstance(address, str) or not is_loopback(address[0])]
    if exposed and not settings.open:
        shown = ", ".join(address if isinstance(address, str) else f"{address[0]}:{address[1]}" for address in exposed)
        raise BadSetting(
            f"it would answer everybody who reaches {shown}; name a file of keys (DAYLIGHT_KEYS_FILE; "
            "python -m service keys add NAME makes one), or say that this is meant (DAYLIGHT_OPEN=yes)"
        )
