"""The webhook server: AdmissionReview in, a patch or a refusal out. It knows no rule itself."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from harvester_local.admission.patches import json_patch
from harvester_local.admission.registry import WEBHOOKS, Rule, Webhook
from harvester_local.admission.review import BrokenPatchError, DeniedError, Request
from harvester_local.admission.world import World
from harvester_local.api.objects import Key, Obj

_LARGEST_REVIEW = 16 << 20


def answer(rule: Rule, review: Obj, world: World) -> Obj:
    """The response part of an AdmissionReview."""
    asked = review["request"]
    request = Request(
        operation=asked["operation"],
        key=Key(asked.get("namespace") or "", asked.get("name") or ""),
        old=asked.get("oldObject") or {},
        new=asked.get("object") or {},
        user=(asked.get("userInfo") or {}).get("username") or "",
    )
    allowed: Obj = {"uid": asked["uid"], "allowed": True}
    try:
        if rule.validate:
            rule.validate(request, world)
            return allowed
        operations = json_patch(request.new, rule.mutate(request, world)) if rule.mutate else []
    except DeniedError as error:
        details = {"causes": list(error.causes)} if error.causes else {}
        status = {"status": "Failure", "code": error.code, "reason": error.reason, "message": error.message, "details": details}
        return {"uid": asked["uid"], "allowed": False, "status": status}
    except BrokenPatchError as error:
        operations = [{"op": "replace", "path": error.path, "value": 1}]
    if not operations:
        return allowed
    return {**allowed, "patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(operations).encode()).decode()}


def _handler(webhook: Webhook, world: World) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(http: web.Request) -> web.Response:
        review = await http.json()
        resource = review["request"]["resource"]
        rule = webhook.rule(resource["group"], resource["resource"])
        if rule is None:
            response = {"uid": review["request"]["uid"], "allowed": True}
        elif rule.asks_outside:
            response = await asyncio.to_thread(answer, rule, review, world)
        else:
            response = answer(rule, review, world)
        return web.json_response({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})

    return handle


def admission_app(world: World) -> web.Application:
    """The application with one route per webhook."""
    app = web.Application(client_max_size=_LARGEST_REVIEW)
    for webhook in WEBHOOKS:
        app.router.add_post(webhook.path, _handler(webhook, world))
    return app


@asynccontextmanager
async def serve_admission(world: World, port: int, cert: Path, key: Path) -> AsyncIterator[None]:
    """Within the block the webhooks are served over TLS on 127.0.0.1."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    runner = web.AppRunner(admission_app(world), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        yield
    finally:
        await runner.cleanup()
