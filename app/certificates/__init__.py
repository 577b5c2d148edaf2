"""A certificate for this machine, made once: a small local CA and a leaf that it signs.

Clients are told to trust the CA file; it outlives the leaf, which is renewed on its own. Private
keys are 0600 and never leave the state directory. Several proxies may share the directory.

``ensuring`` keeps what still lasts, and ``issuing`` makes the rest. ``files`` is the directory,
``inspection`` reads certificates, ``checking`` those that a user brings, and ``validity`` says how
long each is good. ``issuing`` and ``inspection`` import cryptography, which takes 30 ms and 10 MB:
serving imports them only when they have work to do.
"""

from .checking import problems
from .ensuring import ensure, local_names
from .files import Certificate, kept, load

__all__ = ["Certificate", "ensure", "kept", "load", "local_names", "problems"]
