"""Room: the resolver of Python clients of a node with a domain: every name below it is this machine.

No name server knows the domain. Python reads this file by itself where it lies on the PYTHONPATH.
"""

import os
import socket

domain = os.environ.get("TENON_TEST_DOMAIN")
resolve = socket.getaddrinfo


def getaddrinfo(host, *arguments, **options):
    name = host.decode() if isinstance(host, bytes) else host
    if domain and name and (name == domain or name.endswith("." + domain)):
        host = "127.0.0.1"
    return resolve(host, *arguments, **options)


socket.getaddrinfo = getaddrinfo
