"""What makes a provider's start short. To be used before the imports that it is about."""

import gc
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

_OBJECTS = 50_000
"""That many more objects than before, and Python looks for garbage; by its default it is 700. What an import makes stays, and most of
what a call makes goes when nobody refers to it any longer: a fifth of the time of a start went into looking."""


def look_seldom() -> None:
    """Have Python look for garbage seldom, and pydantic not look for plugins in each installed package, unless its variable is set."""
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def keep_what_is_loaded() -> None:
    """What was imported stays: no collection has to look through it again."""
    gc.freeze()


@contextmanager
def certificates_later() -> Iterator[None]:
    """Contexts that this thread makes meanwhile read the machine's certificates when they are first used.

    aiohttp makes two at its import, for connections without a context of their own, and reading 150 certificates twice takes half as long
    as the rest of it. A connection to a Harvester has a context of its own, with the authority of its kubeconfig.
    """
    thread, load, paths = threading.get_ident(), ssl.SSLContext.load_default_certs, ssl.SSLContext.set_default_verify_paths

    def put_off(read: Callable[..., None], context: ssl.SSLContext, *args: Any, **named: Any) -> None:
        if threading.get_ident() != thread or type(context) is not ssl.SSLContext:
            read(context, *args, **named)
            return
        context.__class__ = _Later
        vars(context)["due"] = partial(read, context, *args, **named)

    ssl.SSLContext.load_default_certs = lambda *args, **named: put_off(load, *args, **named)  # type: ignore[method-assign]
    ssl.SSLContext.set_default_verify_paths = lambda *args, **named: put_off(paths, *args, **named)  # type: ignore[method-assign]
    try:
        yield
    finally:
        ssl.SSLContext.load_default_certs = load  # type: ignore[method-assign]
        del ssl.SSLContext.set_default_verify_paths  # the one of its base again


class _Later(ssl.SSLContext):
    """A context that is an ordinary one from its first use on."""

    def _read(self) -> ssl.SSLContext:
        if due := vars(self).get("due"):  # read before it is an ordinary one: another thread may be here, too
            due()
        self.__class__ = ssl.SSLContext  # type: ignore[assignment]
        vars(self).pop("due", None)
        return self

    def wrap_bio(self, *args: Any, **named: Any) -> ssl.SSLObject:
        return self._read().wrap_bio(*args, **named)

    def wrap_socket(self, *args: Any, **named: Any) -> ssl.SSLSocket:
        return self._read().wrap_socket(*args, **named)

    def get_ca_certs(self, *args: Any, **named: Any) -> Any:
        return self._read().get_ca_certs(*args, **named)

    def cert_store_stats(self) -> dict[str, int]:
        return self._read().cert_store_stats()
