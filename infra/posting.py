"""Posts a message to an address that somebody else named, and lets it lead nowhere that it should not.

The name is resolved once, every address that it has is looked at, and the connection goes to the very address that was
looked at: a name that points elsewhere a moment later leads to nothing. No redirect is followed, no proxy is asked, and
nothing of what is answered is kept but the status.
"""

import http.client
import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Event, Timer
from typing import Final
from urllib.parse import SplitResult, urlsplit

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
LONGEST_URL: Final = 2000
_EMBEDDING = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""Networks whose addresses hold one of the older kind in their last four bytes."""


class AddressRefused(ValueError):
    """An address that nothing is posted to; the message says why."""


def networks(words: str | None) -> tuple[Network, ...]:
    """Networks out of a setting: comma separated, as in 127.0.0.0/8. ValueError where one is none."""
    return tuple(ip_network(word.strip()) for word in words.split(",")) if words else ()


def plain_address(address: Address) -> Address:
    """The address that is really meant: the older one that a newer one may hold."""
    if isinstance(address, IPv6Address):
        held = address.ipv4_mapped or address.sixtofour
        if held is None and any(address in one for one in _EMBEDDING) and int(address) > 1:
            held = IPv4Address(int(address) & 0xFFFFFFFF)
        return held or address
    return address


def allowed(address: Address, private: Iterable[Network]) -> bool:
    """Whether a message may go there: to the public internet, and to networks that are named."""
    meant = plain_address(address)
    named = any(one.version == found.version and found in one for one in private for found in (address, meant))
    return named or (meant.is_global and not meant.is_multicast)


def checked_url(url: str, private: Iterable[Network]) -> SplitResult:
    """The parts of an address that messages may be posted to. AddressRefused where they may not."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise AddressRefused("this is no address") from None
    if len(url) > LONGEST_URL or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise AddressRefused(f"an address is https://host/path, in ASCII, of at most {LONGEST_URL} characters")
    if parts.username is not None or parts.password is not None or "#" in url:
        raise AddressRefused("an address holds no name, no password and no fragment; messages are signed instead")
    if port == 0:
        raise AddressRefused("port 0 is none")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise AddressRefused("an address begins with https://; http:// is for this machine itself alone")
    number = _number(host)
    if number is not None and not allowed(number, private):
        raise AddressRefused(f"{host} is no public address; private networks are named in NQMS_WEBHOOK_NETWORKS")
    if number is None and host == "localhost" and not allowed(ip_address("127.0.0.1"), private):
        raise AddressRefused("localhost is no public address; private networks are named in NQMS_WEBHOOK_NETWORKS")
    return parts


def _number(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    number = _number(host)
    return host == "localhost" if number is None else number.is_loopback


class Poster:
    """Posts messages. ``private``: networks that are no public ones and may be posted to; ``connect`` and ``whole``: seconds
    for a connection and for the rest; ``tls``: whose certificates are good, else those that the machine trusts. Any thread
    may call it."""

    def __init__(
        self,
        private: Iterable[Network] = (),
        *,
        connect: float = 5.0,
        whole: float = 20.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._private, self._connect, self._whole = tuple(private), connect, whole
        self._tls = tls or ssl.create_default_context()

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> str | None:
        """Post once; None when it was taken (any 2xx), else what was wrong, in words of ours alone."""
        try:
            parts = checked_url(url, self._private)
            return self._posted(parts, headers, body)
        except AddressRefused as error:
            return str(error)
        except ssl.SSLCertVerificationError:
            return "its certificate is not good"
        except TimeoutError:
            return "it did not answer in time"
        except (OSError, http.client.HTTPException) as error:
            return f"it could not be reached ({type(error).__name__})"

    def _posted(self, parts: SplitResult, headers: Mapping[str, str], body: bytes) -> str | None:
        assert parts.hostname is not None  # checked
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection = http.client.HTTPConnection(parts.hostname, port, timeout=self._whole)
        opened = self._opened(parts.hostname, port)
        # Each read has its own patience; somebody who sends a byte now and then is cut off by this one.
        over = Event()

        def cut_off() -> None:
            over.set()  # before anything else: whoever reads the end that this makes must know where it comes from
            _cut(connection.sock)

        cut = Timer(self._whole, cut_off)
        cut.daemon = True
        connection.sock = opened
        cut.start()
        try:
            if parts.scheme == "https":
                secured = self._tls.wrap_socket(opened, server_hostname=parts.hostname, do_handshake_on_connect=False)
                connection.sock = secured
                secured.do_handshake()
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, {**headers, "Connection": "close"})
            answer = connection.getresponse()
            taken = 200 <= answer.status < 300
        except (OSError, http.client.HTTPException):
            if not over.is_set():
                raise
            raise TimeoutError from None
        finally:
            cut.cancel()
            connection.close()
        if over.is_set():  # what was answered was cut off
            raise TimeoutError
        return None if taken else f"it answered {answer.status}"

    def _opened(self, host: str, port: int) -> socket.socket:
        """A connection to one of the addresses of a host, all of which were looked at first."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for _, _, _, _, place in found:
            if not allowed(ip_address(str(place[0]).partition("%")[0]), self._private):
                raise AddressRefused(f"{host} leads to an address that is no public one")
        failed: OSError = ConnectionError()
        for family, kind, protocol, _, place in found:
            one = socket.socket(family, kind, protocol)
            one.settimeout(self._connect)
            try:
                one.connect(place)
            except OSError as error:
                one.close()
                failed = error
                continue
            one.settimeout(self._whole)
            return one
        raise failed


def _cut(opened: socket.socket | None) -> None:
    if opened is not None:
        with suppress(OSError):  # it is gone already
            opened.shutdown(socket.SHUT_RDWR)
