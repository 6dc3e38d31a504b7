"""How requests leave this machine: proxy and trusted certificates, the same for every client.

The libraries of our clients would each read other variables, and requests `~/.netrc` as well.
"""

import os
import ssl
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi

from crabstick.errors import ConfigError

CA_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def proxy_for(url: str) -> str | None:
    """The proxy from the environment; None for this machine's own addresses.

    Raises:
        ConfigError: the proxy does not speak HTTP.
    """
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or _is_loopback(parts.hostname or "") or proxy_bypass(parts.netloc):
        return None
    scheme, is_url, _ = proxy.partition("://")
    if is_url and scheme.lower() not in {"http", "https"}:
        wanted = f"set {parts.scheme}_proxy to an http:// proxy, or no_proxy to {parts.hostname}"
        raise ConfigError(f"the {scheme}:// proxy for {url} cannot be used: {wanted}")
    return proxy if is_url else f"http://{proxy}"


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return f".{host}".endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def tls_for(url: str) -> ssl.SSLContext | None:
    """The TLS of all connections to `url`; None for plain HTTP.

    Raises:
        ConfigError: a variable names something that holds no certificates.
    """
    values = [os.environ.get(name, "") for name in CA_VARIABLES]
    return _context(*values) if urlsplit(url).scheme == "https" else None


@cache
def _context(*values: str) -> ssl.SSLContext:
    context = ssl.create_default_context()  # follows OpenSSL's two variables, and hides failures
    for name, path in zip(CA_VARIABLES, map(Path, values), strict=True):
        if path.name and name != "SSL_CERT_DIR":
            try:
                context.load_verify_locations(*((None, path) if path.is_dir() else (path, None)))
            except OSError:
                raise ConfigError(f"{name} is {path}, which holds no certificates") from None
    if not any(values) and not context.cert_store_stats()["x509_ca"]:
        context.load_verify_locations(certifi.where())
    return context
