"""Where messages are posted, and where they never go."""

import socket
import ssl
import threading
import time
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from infra.posting import AddressRefused, Poster, allowed, checked_url, networks
from tests.consumers.receiver import HERE, letterbox

PRIVATE = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
    *("255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"),
)


@pytest.mark.parametrize("number", PRIVATE)
def test_no_address_of_a_private_network_is_posted_to(number: str) -> None:
    assert not allowed(ip_address(number), ())


def test_public_addresses_and_named_networks_are_posted_to() -> None:
    assert allowed(ip_address("93.184.215.14"), ())
    assert allowed(ip_address("2606:2800:21f:cb07:6820:80da:af6b:8b2c"), ())
    assert allowed(ip_address("::ffff:93.184.215.14"), ())
    assert allowed(ip_address("10.1.2.3"), networks("10.1.0.0/16, fd00::/8"))
    assert allowed(ip_address("fd00::5"), networks("10.1.0.0/16, fd00::/8"))
    assert not allowed(ip_address("10.2.2.3"), networks("10.1.0.0/16, fd00::/8"))
    with pytest.raises(ValueError, match="host bits"):
        networks("10.1.0.1/16")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://hooks.example/in",
            "ftp://hooks.example/",
            "hooks.example",
            "https://",
            "https:///in",
            "file:///etc/x",
        ),
        *(
            "https://me:secret@hooks.example/",
            "https://hooks.example/#part",
            "https://hooks.example/a b",
            "https://h:0/",
        ),
        *(
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://10.0.0.1:8443/in",
            "http://localhost:8080/",
            "http://127.0.0.1/",
        ),
        *("https://localhost/", "https://[::ffff:10.0.0.1]/", "https://h:70000/", "https://b\u00fccher.example/"),
        "https://hooks.example/" + "x" * 2000,
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        checked_url(url, ())
    assert Poster().post(url, {}, b"{}") is not None


def test_this_machine_may_be_named() -> None:
    assert checked_url("http://127.0.0.1:8080/in", HERE).port == 8080
    assert checked_url("http://localhost:8080/in", HERE).hostname == "localhost"
    assert checked_url("https://hooks.example/in?of=us", ()).query == "of=us"
    with pytest.raises(AddressRefused, match="https://"):
        checked_url("http://10.1.2.3/", networks("10.0.0.0/8"))


def test_a_name_that_leads_to_a_private_address_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def resolved(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))
        return [public, (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    with letterbox() as box:
        port = box.address.rpartition(":")[2]
        said = Poster().post(f"https://hooks.example:{port}/", {}, b"{}")
        assert said == "hooks.example leads to an address that is no public one"
        assert (asked, box.came) == (["hooks.example"], [])


def test_what_is_answered_is_told_by_its_number_alone() -> None:
    with letterbox() as box:
        poster = Poster(HERE)
        box.answer = lambda event: int(event["headers"]["x-answer"])
        told = {
            n: poster.post(f"{box.address}/in", {"x-answer": str(n)}, b"{}") for n in (200, 204, 302, 307, 404, 503)
        }
        assert told == {200: None, 204: None} | {n: f"it answered {n}" for n in (302, 307, 404, 503)}
        assert len(box.came) == len(told), "no redirect was followed"


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    with letterbox() as box:
        assert Poster(HERE).post(box.address, {}, b"{}") is None
        assert len(box.came) == 1


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side and a client's side of a certificate that nobody else trusts, for the name localhost."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    )
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    return serving, ssl.create_default_context(cafile=str(file))


def test_a_secured_address_is_posted_to_if_its_certificate_is_good_for_its_name(
    certified: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    serving, trusting = certified
    with letterbox(serving) as box:
        assert Poster(HERE, tls=trusting).post(f"{box.address}/in", {"x-a": "b"}, b'{"n": 1}') is None
        assert [(one["n"], one["headers"]["x-a"]) for one in box.came] == [(1, "b")]
        assert Poster(HERE).post(box.address, {}, b"{}") == "its certificate is not good"
        other_name = box.address.replace("localhost", "127.0.0.1")
        assert Poster(HERE, tls=trusting).post(other_name, {}, b"{}") == "its certificate is not good"
        assert len(box.came) == 1


@pytest.fixture
def dripping() -> Generator[int]:
    """A server that sends a byte now and then, and never an end; its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def drip() -> None:
            try:
                one, _ = listening.accept()
                with one:
                    one.sendall(b"HTTP/1.1 200 OK\r\n")
                    while True:
                        one.sendall(b"x")
                        time.sleep(0.05)
            except OSError:
                return

        thread = threading.Thread(target=drip)
        thread.start()
        yield listening.getsockname()[1]
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_somebody_who_never_ends_is_cut_off(dripping: int) -> None:
    begun = time.monotonic()
    said = Poster(HERE, whole=0.5).post(f"http://127.0.0.1:{dripping}/", {}, b"{}")
    assert said == "it did not answer in time"
    assert time.monotonic() - begun < 10


def test_nobody_there_is_said() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        assert Poster(HERE, whole=0.3).post(f"http://127.0.0.1:{port}/", {}, b"{}") == "it did not answer in time"
    said = Poster(HERE).post(f"http://127.0.0.1:{port}/", {}, b"{}")
    assert said == "it could not be reached (ConnectionRefusedError)"
