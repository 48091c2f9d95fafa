"""The functions for Python programs: they run in the program's own process, with the settings of its configuration.

`get_image(...)` asks at once and returns the answer; `get_image_output(...)` takes outputs of resources and returns an
output. Both translate and decide nothing: `frontends.calls` answers. Importing this module is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

if TYPE_CHECKING:
    from harvester_provider.frontends.calls import Calls
    from harvester_provider.frontends.loop import Loop

_running: tuple[Loop, Calls] | None = None


def call(function: str, **args: Any) -> Any:
    """Ask the cluster; the answer is the function's result model. Raises InvalidInputs, BadConnection and the other errors of the core."""
    loop, calls = _start()
    return loop.run(calls.ask(function, {key: value for key, value in args.items() if value is not None}))


def call_output(function: str, *, secret: bool = False, **args: Any) -> pulumi.Output[Any]:
    """The same with inputs that may be outputs of resources: asked once they are known."""
    found: pulumi.Output[Any] = pulumi.Output.all(**args).apply(lambda known: call(function, **known))
    return pulumi.Output.secret(found) if secret else found


def _start() -> tuple[Loop, Calls]:
    """The loop and the connections of this program, made at the first question."""
    global _running  # noqa: PLW0603  one per process, as Pulumi's own configuration is
    if _running is None:
        from harvester_provider.frontends.calls import Calls  # noqa: PLC0415  only programs that ask pay for it
        from harvester_provider.frontends.loop import Loop  # noqa: PLC0415  see above
        from harvester_provider.frontends.settings import settings_of  # noqa: PLC0415  see above

        config = pulumi.Config("harvester")
        _running = Loop(), Calls(settings_of(lambda key: config.get(key.removeprefix("harvester:"))))
    return _running
